// SPDX-License-Identifier: Apache-2.0
/** What `evenkeel explain` has found: what is so, and what to do about it. */

export interface Finding {
  /** A problem keeps somebody from being served; a note may be meant so. */
  readonly severity: 'problem' | 'note'
  readonly what: string
  readonly remedy: string
}

export function problem(what: string, remedy: string): Finding {
  return { severity: 'problem', what, remedy }
}

export function note(what: string, remedy: string): Finding {
  return { severity: 'note', what, remedy }
}
