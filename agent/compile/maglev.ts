// SPDX-License-Identifier: Apache-2.0
/**
 * Maglev's lookup table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4):
 * every backend has its own permutation of the slots, and the backends take turns to claim the next slot that is still free.
 *
 * Here the permutation is one of cells. There are as many cells in every table, and a larger table has more slots in each: a slot is
 * (hash * slots) >> 32, so a cell holds the same hashes whatever the size of the table, and a backend walks through them the same
 * way. So when one more backend doubles the table, a cell's owner keeps both halves, but for the few slots that make shares even.
 */
import { type Address, compareAddresses } from '../address.ts'
import { bridge } from '../kernel/bridge.ts'
import { check } from '../kernel/errno.ts'
import { type Member, parsedAddress } from './backends.ts'
import { hashBackend } from './murmur.ts'

export type Slots = Uint8Array | Uint16Array

/** Slots are indexes of 16 bits. */
export const MAX_BACKENDS = 65_536

/** A prime; native/populate.h tells why this one. */
const CELLS = 1_303
const SLOTS_PER_BACKEND = 100
/** Slots of a cell, at most. */
const LARGEST_CELL = 1_024
const OFFSET_SEED = 0x6f666673
const SKIP_SEED = 0x736b6970

/**
 * M: cells of as many slots (a power of two) as make 100 for each backend, which holds the backends' shares within 1 % of each other
 * (section 3.4). Above 13,342 backends it stays 1,334,272, and the shares may differ by more: M / backends slots. One backend needs
 * no more than one slot.
 */
export function tableSize(backends: number): number {
  return backends === 1 ? 1 : CELLS * cellSize(backends)
}

function cellSize(backends: number): number {
  let size = 1
  while (size * CELLS < backends * SLOTS_PER_BACKEND && size < LARGEST_CELL) size *= 2
  return size
}

/**
 * The slots: each is an index into `backends`. Which backend has a slot depends on the set alone, not on the order in which it is
 * given. No two may be alike. Throws RangeError for none, for too many, and for an address that is none.
 * `room`: a table that is needed no more; it is filled if it has the size.
 */
export function maglevTable(backends: readonly Member[], room?: Slots): Slots {
  const count = backends.length
  if (count === 0 || count > MAX_BACKENDS)
    throw new RangeError(`a table takes 1 to ${MAX_BACKENDS} backends, not ${count}`)
  const size = tableSize(count)
  const slots = room?.length === size ? room : newSlots(count, size)
  if (count > 1) populate(slots, backends)
  return slots
}

function newSlots(backends: number, size: number): Slots {
  return backends <= 256 ? new Uint8Array(size) : new Uint16Array(size)
}

/** For table after table: memory of their own would cost small ones much of what filling them does. */
const walks = new Uint32Array(MAX_BACKENDS * 3)
const walkBytes = bytesOf(walks)

/** native/populate.c tells who gets which slots. Backends take turns in the order of their bytes. */
function populate(slots: Slots, backends: readonly Member[]): void {
  const addresses = backends.map(parsedAddress)
  let at = 0
  for (const index of turnsOf(backends, addresses)) {
    const { port } = backends[index]!
    walks[at++] = hashBackend(addresses[index]!, port, OFFSET_SEED)
    walks[at++] = hashBackend(addresses[index]!, port, SKIP_SEED)
    walks[at++] = index
  }
  check(bridge.maglevPopulate(bytesOf(slots), walkBytes, backends.length), 'fill', 'a selection table')
}

function turnsOf(backends: readonly Member[], addresses: readonly Address[]): Iterable<number> {
  const compare = (a: number, b: number) =>
    compareAddresses(addresses[a]!, addresses[b]!) || backends[a]!.port - backends[b]!.port
  // As compile/ gives them.
  if (backends.every((_, i) => i === 0 || compare(i - 1, i) <= 0)) return backends.keys()
  return [...backends.keys()].sort(compare)
}

function bytesOf(array: Slots | Uint32Array): Uint8Array {
  return array instanceof Uint8Array ? array : new Uint8Array(array.buffer)
}
