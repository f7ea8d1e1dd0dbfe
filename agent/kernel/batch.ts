// SPDX-License-Identifier: Apache-2.0
/**
 * Many elements in one system call (kernel 5.6+ for hash, LRU hash and array; others came later). Keys and values are flat
 * Buffers. Where a map type has no batches, one by one.
 */
import { constants } from 'node:os'
import type { BatchResult, Bridge } from '../../native/bridge.d.ts'
import { check, KernelError } from './errno.ts'
import type { Operations } from './operations.ts'

/** Of <linux/errno.h>: for the kernel's inside only, but bpf(2) lets it out. */
const ENOTSUPP = 524
const { EINVAL, ENOENT, ENOSPC, EOPNOTSUPP, EEXIST, E2BIG } = constants.errno

/** Elements in one system call: at most about a megabyte for the largest of our types. */
export const CHUNK = 4096

/** A map as batches see it. */
export interface RawMap {
  readonly bridge: Bridge
  readonly fd: number
  readonly name: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly operations: Operations
  readonly chunk: number
}

/** Some elements, one behind the other. */
export interface Chunk {
  readonly keys: Buffer
  readonly values: Buffer
  readonly count: number
}

function unsupported(result: BatchResult): boolean {
  return result.count === 0 && [-ENOTSUPP, -EOPNOTSUPP, -EINVAL].includes(result.errno)
}

/**
 * All elements, in chunks. What is written meanwhile may or may not be seen; an element that stays is seen once (twice at most when
 * the map has no batches and elements are deleted meanwhile).
 */
export function* readChunks(map: RawMap): Generator<Chunk> {
  let size = Math.min(map.chunk, map.maxEntries)
  let position: Buffer | null = null
  const positions = [0, 1].map(() => Buffer.alloc(Math.max(map.keySize, 4)))
  for (let round = 0; ; round++) {
    const next: Buffer = positions[round % 2] as Buffer
    const keys = Buffer.alloc(size * map.keySize)
    const values = Buffer.alloc(size * map.valueSize)
    const result = map.bridge.mapLookupBatch(map.fd, position, next, keys, values, size)
    count(map, 'lookups', result)
    if (position === null && unsupported(result)) return yield* readOneByOne(map)
    // A bucket of the hash holds more than a chunk: ask for more, from the same position.
    if (result.errno === -ENOSPC) size *= 2
    else if (result.errno < 0 && result.errno !== -ENOENT) check(result.errno, 'read map', map.name)
    if (result.count > 0) yield { keys, values, count: result.count }
    if (result.errno === -ENOENT) return
    position = next
  }
}

function count(map: RawMap, what: 'lookups' | 'updates' | 'deletes', result: BatchResult): void {
  map.operations.syscalls++
  map.operations.batches++
  map.operations[what] += result.count
}

/** Collects the keys first, because the position is lost when the element at it is deleted. */
function* readOneByOne(map: RawMap): Generator<Chunk> {
  for (const keys of [...walkKeys(map)]) {
    const values = Buffer.alloc(map.valueSize)
    map.operations.syscalls++
    const result = map.bridge.mapLookup(map.fd, keys, values)
    if (result === -ENOENT) continue
    check(result, 'read map', map.name)
    map.operations.lookups++
    yield { keys, values, count: 1 }
  }
}

function* walkKeys(map: RawMap): Generator<Buffer> {
  let key: Buffer | null = null
  for (;;) {
    const next: Buffer = Buffer.alloc(map.keySize)
    map.operations.syscalls++
    const result = map.bridge.mapNextKey(map.fd, key, next)
    if (result === -ENOENT) return
    check(result, 'walk map', map.name)
    yield next
    key = next
  }
}

/** Writes `total` elements. Throws KernelError that tells how many were written before the failure. */
export function writeElements(map: RawMap, keys: Buffer, values: Buffer, total: number, flags: number): void {
  for (let done = 0; done < total; ) {
    const size = Math.min(map.chunk, total - done)
    const keyPart = keys.subarray(done * map.keySize, (done + size) * map.keySize)
    const valuePart = values.subarray(done * map.valueSize, (done + size) * map.valueSize)
    const result = map.bridge.mapUpdateBatch(map.fd, keyPart, valuePart, size, flags)
    count(map, 'updates', result)
    if (unsupported(result)) {
      writeOneByOne(map, keys, values, done, total, flags)
      return
    }
    done += result.count
    if (result.errno < 0) throw writeError(map, result.errno, done, total)
  }
}

function writeOneByOne(map: RawMap, keys: Buffer, values: Buffer, from: number, total: number, flags: number): void {
  for (let i = from; i < total; i++) {
    const key = keys.subarray(i * map.keySize, (i + 1) * map.keySize)
    const value = values.subarray(i * map.valueSize, (i + 1) * map.valueSize)
    map.operations.syscalls++
    const result = map.bridge.mapUpdate(map.fd, key, value, flags)
    if (result < 0) throw writeError(map, result, i, total)
    map.operations.updates++
  }
}

/** The error of a failed update; a full map says -E2BIG (hash) or -ENOSPC (others). */
export function writeError(map: RawMap, result: number, done: number, total: number): KernelError {
  const full = result === -E2BIG || result === -ENOSPC
  const hints = [
    total > 1 ? `${done} of ${total} elements were written` : '',
    full ? `The map is full with ${map.maxEntries} elements: raise its size` : '',
    result === -EEXIST ? 'An element with this key is there already' : '',
  ]
  const hint = hints.filter(text => text !== '').join('. ')
  return new KernelError({
    operation: 'update map',
    subject: map.name,
    errno: -result,
    ...(hint === '' ? {} : { hint }),
  })
}

/** Deletes `total` elements; those that are not there are passed over. Returns how many were there. */
export function deleteElements(map: RawMap, keys: Buffer, total: number): number {
  let deleted = 0
  for (let done = 0; done < total; ) {
    const size = Math.min(map.chunk, total - done)
    const part = keys.subarray(done * map.keySize, (done + size) * map.keySize)
    const result = map.bridge.mapDeleteBatch(map.fd, part, size)
    count(map, 'deletes', result)
    if (unsupported(result)) return deleted + deleteOneByOne(map, keys, done, total)
    if (result.errno < 0 && result.errno !== -ENOENT) check(result.errno, 'delete from map', map.name)
    deleted += result.count
    done += result.count + (result.errno === -ENOENT ? 1 : 0)
  }
  return deleted
}

function deleteOneByOne(map: RawMap, keys: Buffer, from: number, total: number): number {
  let deleted = 0
  for (let i = from; i < total; i++)
    if (deleteElement(map, keys.subarray(i * map.keySize, (i + 1) * map.keySize))) deleted++
  return deleted
}

/** Whether the element was there. */
export function deleteElement(map: RawMap, key: Buffer): boolean {
  map.operations.syscalls++
  const result = map.bridge.mapDelete(map.fd, key)
  if (result === -ENOENT) return false
  check(result, 'delete from map', map.name)
  map.operations.deletes++
  return true
}
