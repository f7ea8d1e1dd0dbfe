// SPDX-License-Identifier: Apache-2.0
/** What one map holds into another one of another layout, while programs may write to both. */
import { constants } from 'node:os'
import { type Chunk, type RawMap, readChunks, writeElements, writeError } from './batch.ts'
import { type Carrier, isArray } from './carry.ts'
import { MAPS } from './layout.gen.ts'

/** Elements as they were read, in the old layout. */
export type Seen = readonly Chunk[]

const BPF_NOEXIST = 1
const { E2BIG, EEXIST } = constants.errno

/** Numbers of elements that are there already are left alone. Throws KernelError. */
export function copyMap(from: RawMap, to: RawMap, carrier: Carrier, type: number): Seen {
  const seen: Chunk[] = []
  for (const chunk of readChunks(from)) {
    if (isArray(type)) copyElements(chunk, from, to, carrier)
    else {
      addMissing(chunk, to, carrier)
      seen.push(chunk)
    }
  }
  return seen
}

/** Elements of an array are always there: those that are zero need not be copied. */
function copyElements({ keys, values, count }: Chunk, from: RawMap, to: RawMap, carrier: Carrier): void {
  const size = from.valueSize
  const zero = Buffer.alloc(size)
  const used = Array.from({ length: count }, (_, i) => i).filter(
    i => keys.readUInt32LE(4 * i) < to.maxEntries && values.compare(zero, 0, size, i * size, (i + 1) * size) !== 0,
  )
  const pick = (all: Buffer, bytes: number) => Buffer.concat(used.map(i => all.subarray(i * bytes, (i + 1) * bytes)))
  const picked = { keys: pick(keys, 4), values: pick(values, size) }
  if (used.length === 0) return
  const carried = { keys: carrier.keys(picked.keys, used.length), values: carrier.values(picked.values, used.length) }
  writeElements(to, carried.keys, carried.values, used.length, 0)
}

function addMissing({ keys, values, count }: Chunk, to: RawMap, carrier: Carrier): void {
  const made = { keys: carrier.keys(keys, count), values: carrier.values(values, count) }
  for (let i = 0; i < count; i++) {
    const result = to.bridge.mapUpdate(
      to.fd,
      at(made.keys, to.keySize, i),
      at(made.values, to.valueSize, i),
      BPF_NOEXIST,
    )
    // There is as much room as before: only a flow that was opened meanwhile can have taken the last place.
    const taken = result === -E2BIG && to.name === MAPS.flows.name
    if (result < 0 && result !== -EEXIST && !taken) throw writeError(to, result, i, count)
  }
}

function at(all: Buffer, size: number, i: number): Buffer {
  return all.subarray(i * size, (i + 1) * size)
}

/**
 * Elements that the old map has got, or that have changed there, since they were seen. What has changed in the new map meanwhile is
 * newer, and stays. Throws KernelError.
 */
export function catchUp(from: RawMap, to: RawMap, carrier: Carrier, type: number, seen: Seen): Seen {
  for (const chunk of seen) for (let i = 0; i < chunk.count; i++) followElement(from, to, carrier, chunk, i)
  return copyMap(from, to, carrier, type)
}

function followElement(from: RawMap, to: RawMap, carrier: Carrier, { keys, values }: Chunk, i: number): void {
  const key = at(keys, from.keySize, i)
  const before = at(values, from.valueSize, i)
  const now = Buffer.alloc(from.valueSize)
  if (from.bridge.mapLookup(from.fd, key, now) < 0 || now.equals(before)) return
  const newKey = carrier.keys(key, 1)
  const there = Buffer.alloc(to.valueSize)
  if (to.bridge.mapLookup(to.fd, newKey, there) < 0 || !there.equals(carrier.values(before, 1))) return
  const result = to.bridge.mapUpdate(to.fd, newKey, carrier.values(now, 1), 0)
  if (result < 0) throw writeError(to, result, 0, 1)
}
