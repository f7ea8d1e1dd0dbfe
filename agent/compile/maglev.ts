// SPDX-License-Identifier: Apache-2.0
/**
 * Maglev's lookup table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4):
 * every backend has its own permutation of the slots, and the backends take turns to claim the next slot that is still free.
 */
import { type Address, compareAddresses, parseAddress } from './address.ts'
import type { Backend } from './compiled.ts'
import { hashBackend } from './murmur.ts'

/**
 * Sizes, about powers of two apart. With a fine list M would be another one at nearly every change of the number of backends,
 * and a table of another size shares hardly a slot with the old one.
 */
export const TABLE_SIZES: readonly number[] = [
  127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573,
]

/** Slots are indexes of 16 bits. */
export const MAX_BACKENDS = 65_536

const SLOTS_PER_BACKEND = 100
const OFFSET_SEED = 0x6f666673
const SKIP_SEED = 0x736b6970

/**
 * M: the smallest listed prime that is at least 100 x backends, which holds the backends' shares within 1 % of each other
 * (section 3.4). Above 10,485 backends it stays 1,048,573, and the shares may differ by more: M / backends slots.
 */
export function tableSize(backends: number): number {
  const largest = TABLE_SIZES[TABLE_SIZES.length - 1]!
  return TABLE_SIZES.find(prime => prime >= backends * SLOTS_PER_BACKEND) ?? largest
}

/**
 * The slots: each is an index into `backends`. Which backend has a slot depends on the set alone, not on the order in which it is
 * given. No two may be alike. Throws RangeError for none, for too many, and for an address that is none.
 */
export function maglevTable(backends: readonly Pick<Backend, 'address' | 'port'>[]): Uint8Array | Uint16Array {
  const count = backends.length
  if (count === 0 || count > MAX_BACKENDS) throw new RangeError(`a table takes 1 to ${MAX_BACKENDS} backends, not ${count}`)
  const slots = count <= 256 ? new Uint8Array(tableSize(count)) : new Uint16Array(tableSize(count))
  if (count > 1) populate(slots, turns(backends))
  return slots
}

interface Turn {
  readonly address: Address
  readonly port: number
  /** In the list that was given. */
  readonly index: number
}

/** In the order in which backends take turns: by bytes. */
function turns(backends: readonly Pick<Backend, 'address' | 'port'>[]): readonly Turn[] {
  const list = backends.map(({ address, port }, index) => {
    const parsed = parseAddress(address)
    if (parsed === undefined) throw new RangeError(`"${address}" is not an IPv4 or IPv6 address`)
    return { address: parsed, port, index }
  })
  return list.sort((a, b) => compareAddresses(a.address, b.address) || a.port - b.port)
}

/** The paper's pseudocode 1. */
function populate(slots: Uint8Array | Uint16Array, order: readonly Turn[]): void {
  const m = slots.length
  const count = order.length
  const next = new Uint32Array(count)
  const skip = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const { address, port } = order[i]!
    next[i] = hashBackend(address, port, OFFSET_SEED) % m
    skip[i] = (hashBackend(address, port, SKIP_SEED) % (m - 1)) + 1
  }
  const taken = new Uint8Array(m)
  for (let filled = 0, i = 0; filled < m; filled++, i = i + 1 === count ? 0 : i + 1) {
    const step = skip[i]!
    let slot = next[i]!
    while (taken[slot] === 1) {
      slot += step
      if (slot >= m) slot -= m
    }
    taken[slot] = 1
    slots[slot] = order[i]!.index
    next[i] = slot
  }
}
