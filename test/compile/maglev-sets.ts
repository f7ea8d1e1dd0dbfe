// SPDX-License-Identifier: Apache-2.0
/** Random sets of backends, the same in every run. */

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** mulberry32: 32 bits a call. */
export function randomBits(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
}

export function randomSet(count: number, random: () => number): readonly Endpoint[] {
  const addresses = new Set<string>()
  while (addresses.size < count) {
    const bits = random()
    addresses.add(`10.${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}`)
  }
  return [...addresses].map(address => ({ address, port: 8080 }))
}

/** Addresses as a node gives them out: one after the other. */
export function neighbours(count: number): readonly Endpoint[] {
  return Array.from({ length: count }, (_, i) => ({ address: `10.244.${i >> 8}.${i & 255}`, port: 8080 }))
}

export function without<T>(list: readonly T[], index: number): readonly T[] {
  return list.filter((_, i) => i !== index)
}

/** Whose slot it is: the endpoint for each slot. */
export function owners(slots: ArrayLike<number>, set: readonly Endpoint[]): readonly Endpoint[] {
  return Array.from(slots, index => set[index]!)
}
