// SPDX-License-Identifier: Apache-2.0
/**
 * Maglev's lookup table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4):
 * every backend has its own permutation of the slots, and the backends take turns to claim the next slot that is still free.
 */
import { type Address, compareAddresses, parseAddress } from '../address.ts'
import type { Backend } from './compiled.ts'
import { hashBackend } from './murmur.ts'

/**
 * Sizes, about powers of two apart. With a fine list M would be another one at nearly every change of the number of backends,
 * and a table of another size shares hardly a slot with the old one. There is none near 256: two to five backends share a size,
 * and with two one slot more makes 0.2 % and not 0.4 %.
 */
export const TABLE_SIZES: readonly number[] = [
  127, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573,
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
  if (count === 0 || count > MAX_BACKENDS)
    throw new RangeError(`a table takes 1 to ${MAX_BACKENDS} backends, not ${count}`)
  const slots = count <= 256 ? new Uint8Array(tableSize(count)) : new Uint16Array(tableSize(count))
  if (count > 1) populate(slots, count, walkersOf(turns(backends), slots.length))
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
  // As compile/ gives them.
  return list.every((turn, i) => i === 0 || compareTurns(list[i - 1]!, turn) <= 0) ? list : list.sort(compareTurns)
}

function compareTurns(a: Turn, b: Turn): number {
  return compareAddresses(a.address, b.address) || a.port - b.port
}

/**
 * Each backend walks through its permutation (offset, offset + skip, ... modulo M, as in the paper) and claims the free slots that
 * it meets, until it has its share. The paper's backends walk on within their turn until they find a free slot; here all take one
 * step a round, so that a slot goes to the backend that has it earliest in its permutation. Shares are the same, none differs by
 * more than one slot, but whose slot it is depends less on who else is there: with ten backends and one removed, 1.4 % of the
 * slots move beyond the tenth that must (mean), against 2.5 %.
 */
function populate(slots: Uint8Array | Uint16Array, count: number, { index, at, skip, share, taken }: Walkers): void {
  const m = slots.length
  let walking = count
  while (walking > 1) {
    let done = 0
    for (let i = 0; i < walking; i++) {
      const slot = at[i]!
      const next = slot + skip[i]! - m
      at[i] = next + (m & (next >> 31))
      // Whether a slot is free is a coin's toss to the processor: masks are twice as fast as a branch.
      const free = taken[slot]! - 1
      taken[slot] = 1
      slots[slot] = (index[i]! & free) | (slots[slot]! & ~free)
      share[i]! += free
      if (share[i] === 0) done++
    }
    if (done > 0) walking = leave(at, skip, share, index, walking)
  }
  // The last one gets what is left, whichever way it walks.
  for (let slot = 0; slot < m; slot++) if (taken[slot] === 0) slots[slot] = index[0]!
}

/** Those that have their share stop; the others keep their order. */
function leave(at: Int32Array, skip: Int32Array, share: Int32Array, index: Int32Array, walking: number): number {
  let kept = 0
  for (let i = 0; i < walking; i++) {
    if (share[i] === 0) continue
    at[kept] = at[i]!
    skip[kept] = skip[i]!
    share[kept] = share[i]!
    index[kept++] = index[i]!
  }
  return kept
}

interface Walkers {
  readonly index: Int32Array
  /** The slot where it is. */
  readonly at: Int32Array
  readonly skip: Int32Array
  /** Slots that it has still to claim. */
  readonly share: Int32Array
  /** 1 for slots that are. */
  readonly taken: Uint8Array
}

/** Used for table after table: memory of their own would cost small tables as much as filling them. */
let walkers = newWalkers(256, 32_749)

function newWalkers(count: number, m: number): Walkers {
  const column = () => new Int32Array(count)
  return { index: column(), at: column(), skip: column(), share: column(), taken: new Uint8Array(m) }
}

function walkersOf(order: readonly Turn[], m: number): Walkers {
  const count = order.length
  if (count > walkers.index.length || m > walkers.taken.length) walkers = newWalkers(count, m)
  const rest = m % count
  const share = (m - rest) / count
  walkers.taken.fill(0, 0, m)
  for (let i = 0; i < count; i++) {
    const { address, port, index } = order[i]!
    walkers.index[i] = index
    walkers.at[i] = hashBackend(address, port, OFFSET_SEED) % m
    walkers.skip[i] = (hashBackend(address, port, SKIP_SEED) % (m - 1)) + 1
    walkers.share[i] = share + (i < rest ? 1 : 0)
  }
  return walkers
}
