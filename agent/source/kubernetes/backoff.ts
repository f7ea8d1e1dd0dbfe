// SPDX-License-Identifier: Apache-2.0
/** How long to wait before the next try: twice as long each time, and at random so that nodes do not come all at once. */

export interface Backoff {
  /** Milliseconds: from half of what is due to all of it. */
  readonly next: () => number
  readonly reset: () => void
}

export function createBackoff(firstMs: number, maxMs: number): Backoff {
  let due = firstMs
  return {
    next() {
      const ms = due * (0.5 + Math.random() / 2)
      due = Math.min(due * 2, maxMs)
      return ms
    },
    reset() {
      due = firstMs
    },
  }
}
