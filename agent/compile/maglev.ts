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
import { type Member, parsedAddress } from './backends.ts'
import { hashBackend } from './murmur.ts'
import { CELLS, populate, type Slots, type Walk } from './populate.ts'

/** Slots are indexes of 16 bits. */
export const MAX_BACKENDS = 65_536

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
  if (count > 1) populate(slots, turns(backends))
  return slots
}

function newSlots(backends: number, size: number): Slots {
  return backends <= 256 ? new Uint8Array(size) : new Uint16Array(size)
}

interface Turn extends Walk {
  readonly address: Address
  readonly port: number
}

/** In the order in which backends take turns: by bytes. */
function turns(backends: readonly Member[]): readonly Turn[] {
  const list = backends.map((backend, index) => {
    const { port } = backend
    const address = parsedAddress(backend)
    const offset = hashBackend(address, port, OFFSET_SEED)
    return { address, port, index, offset, skip: hashBackend(address, port, SKIP_SEED) }
  })
  // As compile/ gives them.
  return list.every((turn, i) => i === 0 || compareTurns(list[i - 1]!, turn) <= 0) ? list : list.sort(compareTurns)
}

function compareTurns(a: Turn, b: Turn): number {
  return compareAddresses(a.address, b.address) || a.port - b.port
}
