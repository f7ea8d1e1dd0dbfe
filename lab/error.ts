// SPDX-License-Identifier: Apache-2.0
/** What went wrong in the lab: says what was tried, on what, and what to do. */
export class LabError extends Error {
  override readonly name = 'LabError'
}

/** The code of a system error ("ENOENT"), else an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
