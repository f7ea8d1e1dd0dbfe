// SPDX-License-Identifier: Apache-2.0
/** What the first sync leaves behind. */

/**
 * Collects all garbage and gives the memory back to the system, which V8 does not do by itself when little is allocated any more: after
 * a first sync that is as much again as what stays in use. Takes 0.2 s at 10,000 Services. Nothing where node has not --expose-gc:
 * ./evenkeel has.
 */
export function returnMemory(): void {
  globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' })
}
