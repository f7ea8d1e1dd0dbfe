// SPDX-License-Identifier: Apache-2.0
/** What a check of this node has found. */

export interface Finding {
  /** As in "map kinds". */
  readonly name: string
  /** ok; warning: it works, with less or at a risk; failed: it won't work as configured. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  /** What is there, or the kernel's answer. */
  readonly found: string
  /** What it means when it is not ok; else empty. */
  readonly consequence: string
  /** What to do, or what happens instead; else empty. */
  readonly remedy: string
}

export function ok(name: string, found: string): Finding {
  return { name, verdict: 'ok', found, consequence: '', remedy: '' }
}

export interface Trouble {
  readonly found: string
  readonly consequence: string
  readonly remedy: string
}

/** `needed`: as configured it can't do without. */
export function trouble(name: string, needed: boolean, { found, consequence, remedy }: Trouble): Finding {
  return { name, verdict: needed ? 'failed' : 'warning', found, consequence, remedy }
}

/** Tries something: ok with what it returns, or the trouble with what was thrown. */
export function attempt(name: string, needed: boolean, work: () => string, otherwise: Omit<Trouble, 'found'>): Finding {
  try {
    return ok(name, work())
  } catch (error) {
    return trouble(name, needed, { found: (error as Error).message, ...otherwise })
  }
}
