// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'

/** Looks again until it holds, or for so many milliseconds. Answers whether it did. */
export async function eventually(holds: () => Promise<boolean> | boolean, limit = 5_000): Promise<boolean> {
  const deadline = performance.now() + limit
  while (!(await holds())) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}
