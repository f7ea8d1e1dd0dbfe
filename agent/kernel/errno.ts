// SPDX-License-Identifier: Apache-2.0
/** Turns the bridge's negative error numbers into errors that say what was tried, and on what. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** Of the kernel's own include/linux/errno.h: bpf(2) lets it out, though the C library has no name for it. */
export const ENOTSUPP = 524

export interface KernelErrorFields {
  /** What was tried, as in "attach tcx". */
  readonly operation: string
  /** On what: a map, a program, a device, a path. */
  readonly subject: string
  /** Positive. */
  readonly errno: number
  /** What to do about it. */
  readonly hint?: string
}

export class KernelError extends Error {
  readonly operation: string
  readonly subject: string
  /** Positive. */
  readonly errno: number
  /** As in "ENOENT". */
  readonly code: string
  readonly hint: string | undefined

  constructor(fields: KernelErrorFields) {
    const [code, text] = errorText(fields.errno)
    const advice = fields.hint === undefined ? '' : `. ${fields.hint}`
    super(`${fields.operation} ${fields.subject}: ${text} (${code})${advice}`)
    this.name = 'KernelError'
    this.operation = fields.operation
    this.subject = fields.subject
    this.errno = fields.errno
    this.code = code
    this.hint = fields.hint
  }
}

function errorText(errno: number): readonly [code: string, text: string] {
  if (errno === ENOTSUPP) return ['ENOTSUPP', 'operation is not supported']
  const known = getSystemErrorMap().get(-errno)
  if (known) return known
  const named = Object.entries(constants.errno).find(([, number]) => number === errno)
  return [named?.[0] ?? `errno ${errno}`, 'the kernel refused']
}

/** The result itself, unless it is -errno: then throws KernelError. */
export function check(result: number, operation: string, subject: string, hint?: string): number {
  if (result >= 0) return result
  throw new KernelError({ operation, subject, errno: -result, ...(hint === undefined ? {} : { hint }) })
}

/** The same for calls that give something else than a number. */
export function checkValue<T extends object>(result: T | number, operation: string, subject: string, hint?: string): T {
  if (typeof result !== 'number') return result
  throw new KernelError({ operation, subject, errno: Math.abs(result), ...(hint === undefined ? {} : { hint }) })
}

/** For calls of Node: what the system refuses becomes a KernelError. */
export function attempt<T>(operation: string, subject: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) throw error
    const errno = Math.abs(error.errno)
    const hint = DENIED.has(errno) ? { hint: 'This takes root' } : {}
    throw new KernelError({ operation, subject, errno, ...hint })
  }
}

const DENIED: ReadonlySet<number> = new Set([constants.errno.EPERM, constants.errno.EACCES])
