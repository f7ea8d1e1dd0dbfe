// SPDX-License-Identifier: Apache-2.0
/** A seeded random source, so that a failure can be run again: xorshift32 (Marsaglia 2003). */

export interface Random {
  /** 0..0xffffffff */
  readonly word: () => number
  /** 0..bound-1 */
  readonly below: (bound: number) => number
  /** True once in `times`. */
  readonly once: (times: number) => boolean
  readonly pick: <T>(items: readonly T[]) => T
  readonly bytes: (length: number) => Buffer
}

export function xorshift(seed: number): Random {
  let state = seed >>> 0 || 0x9e3779b9
  const word = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    return state
  }
  // The high bits: 2^32 is far more than any bound here, so the bias does not matter.
  const below = (bound: number): number => Math.floor((word() / 0x100000000) * bound)
  return {
    word,
    below,
    once: times => below(times) === 0,
    pick: items => items[below(items.length)]!,
    bytes: length => Buffer.from(Uint8Array.from({ length }, () => word() >>> 24)),
  }
}
