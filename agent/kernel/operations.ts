// SPDX-License-Identifier: Apache-2.0
/** Counts of what was asked of the kernel: free of noise, so tests gate on them ("a restart with nothing changed writes nothing"). */

export interface Operations {
  /** Elements read. */
  lookups: number
  /** Elements written, through mmap too. */
  updates: number
  /** Elements deleted. */
  deletes: number
  /** System calls that did many elements. */
  batches: number
  /** System calls, batches among them. */
  syscalls: number
}

export function newOperations(): Operations {
  return { lookups: 0, updates: 0, deletes: 0, batches: 0, syscalls: 0 }
}

/** Updates and deletes. */
export function writesOf(operations: Operations): number {
  return operations.updates + operations.deletes
}
