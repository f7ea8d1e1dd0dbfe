// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { fine } from './object.ts'

const { ENOENT, EEXIST, E2BIG } = constants.errno
const BPF_NOEXIST = 1
const BPF_F_NO_PREALLOC = 1

const cpus = bridge.possibleCpus()

interface Kind {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly valueBytes: number
  readonly array: boolean
}

const VALUE_SIZE = 12
const PER_CPU = 16 * cpus

const KINDS: readonly Kind[] = [
  { name: 'hash', type: 1, flags: 0, valueBytes: VALUE_SIZE, array: false },
  { name: 'hash_lazy', type: 1, flags: BPF_F_NO_PREALLOC, valueBytes: VALUE_SIZE, array: false },
  { name: 'array', type: 2, flags: 0, valueBytes: VALUE_SIZE, array: true },
  { name: 'percpu_hash', type: 5, flags: 0, valueBytes: PER_CPU, array: false },
  { name: 'percpu_array', type: 6, flags: 0, valueBytes: PER_CPU, array: true },
  { name: 'lru_hash', type: 9, flags: 0, valueBytes: VALUE_SIZE, array: false },
  { name: 'lru_percpu', type: 10, flags: 0, valueBytes: PER_CPU, array: false },
]

const SIZE = 1000

function create(kind: Kind): number {
  const { name, type, flags } = kind
  return fine(bridge.mapCreate({ name, type, keySize: 4, valueSize: VALUE_SIZE, maxEntries: SIZE, flags }))
}

function key(index: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(index)
  return bytes
}

/** Bytes that differ from key to key; the padding between per-CPU values is zero. */
function value(kind: Kind, index: number): Buffer {
  const bytes = Buffer.alloc(kind.valueBytes)
  for (let at = 0; at < bytes.length; at++)
    if (kind.valueBytes === VALUE_SIZE || at % 16 < VALUE_SIZE) bytes[at] = (index * 31 + at) & 0xff
  return bytes
}

for (const kind of KINDS) {
  t.test(`${kind.name}: elements are written, read, listed and deleted`, async t => {
    const fd = create(kind)
    const got = Buffer.alloc(kind.valueBytes)
    t.equal(bridge.mapLookup(fd, key(7), got), kind.array ? 0 : -ENOENT)
    t.equal(bridge.mapUpdate(fd, key(7), value(kind, 7)), 0)
    t.equal(bridge.mapUpdate(fd, key(7), value(kind, 7), BPF_NOEXIST), -EEXIST)
    t.equal(bridge.mapLookup(fd, key(7), got), 0)
    t.same(got, value(kind, 7))
    const next = Buffer.alloc(4)
    t.equal(bridge.mapNextKey(fd, null, next), 0)
    t.equal(next.readUInt32LE(), kind.array ? 0 : 7)
    t.equal(bridge.mapNextKey(fd, key(kind.array ? SIZE - 1 : 7), next), -ENOENT)
    if (!kind.array) t.equal(bridge.mapDelete(fd, key(7)), 0)
    if (!kind.array) t.equal(bridge.mapLookup(fd, key(7), got), -ENOENT)
    bridge.close(fd)
  })

  t.test(`${kind.name}: batches page through all elements`, async t => {
    const fd = create(kind)
    const keys = Buffer.concat(Array.from({ length: SIZE }, (_, i) => key(i)))
    const values = Buffer.concat(Array.from({ length: SIZE }, (_, i) => value(kind, i)))
    t.same(bridge.mapUpdateBatch(fd, keys, values, SIZE), { errno: 0, count: SIZE })
    const { found, pages } = readAll(kind, fd, 128)
    t.ok(pages > 5)
    t.equal(found.size >= (kind.name.startsWith('lru') ? SIZE / 2 : SIZE), true, `${found.size} elements`)
    for (const [index, bytes] of found) if (!bytes.equals(value(kind, index))) t.same(bytes, value(kind, index))
    if (!kind.array && !kind.name.startsWith('lru')) {
      t.same(bridge.mapDeleteBatch(fd, keys.subarray(0, 40), 10), { errno: 0, count: 10 })
      t.same(bridge.mapDeleteBatch(fd, keys.subarray(0, 80), 20), { errno: -ENOENT, count: 0 })
      t.equal(readAll(kind, fd, 128).found.size, SIZE - 10)
    }
    bridge.close(fd)
  })
}

function readAll(kind: Kind, fd: number, room: number): { found: Map<number, Buffer>; pages: number } {
  const found = new Map<number, Buffer>()
  const keys = Buffer.alloc(4 * room)
  const values = Buffer.alloc(kind.valueBytes * room)
  const position = Buffer.alloc(4)
  for (let pages = 1; ; pages++) {
    const { errno, count } = bridge.mapLookupBatch(fd, pages === 1 ? null : position, position, keys, values, room)
    for (let i = 0; i < count; i++)
      found.set(keys.readUInt32LE(4 * i), Buffer.from(values.subarray(kind.valueBytes * i, kind.valueBytes * (i + 1))))
    if (errno === -ENOENT) return { found, pages }
    fine(errno)
  }
}

t.test('a full hash map says so', async t => {
  const fd = fine(bridge.mapCreate({ name: 'full', type: 1, keySize: 4, valueSize: 4, maxEntries: 2, flags: 0 }))
  t.equal(bridge.mapUpdate(fd, key(1), key(1)), 0)
  t.equal(bridge.mapUpdate(fd, key(2), key(2)), 0)
  t.equal(bridge.mapUpdate(fd, key(3), key(3)), -E2BIG)
  t.match(bridge.mapUpdateBatch(fd, Buffer.concat([key(1), key(3), key(4)]), Buffer.alloc(12), 3), {
    errno: -E2BIG,
    count: 1,
  })
  bridge.close(fd)
})

t.test('no Buffer is written past its end', async t => {
  const all = Buffer.alloc(64, 0xaa)
  for (const kind of KINDS) {
    const fd = create(kind)
    fine(bridge.mapUpdate(fd, key(0), value(kind, 0)))
    for (const size of [0, 1, VALUE_SIZE - 1, VALUE_SIZE + 1]) {
      t.throws(() => bridge.mapLookup(fd, key(0), all.subarray(0, size)), RangeError)
      t.throws(() => bridge.mapUpdate(fd, key(0), all.subarray(0, size)), RangeError)
    }
    t.throws(() => bridge.mapLookup(fd, all.subarray(0, 3), Buffer.alloc(kind.valueBytes)), RangeError)
    t.throws(() => bridge.mapDelete(fd, all.subarray(0, 5)), RangeError)
    t.throws(() => bridge.mapNextKey(fd, null, all.subarray(0, 3)), RangeError)
    t.throws(() => bridge.mapNextKey(fd, all.subarray(0, 3), all.subarray(0, 4)), RangeError)
    const room = Buffer.alloc(kind.valueBytes * 4)
    const lookup = (position: number, keys: number, values: number, count: number) => () =>
      bridge.mapLookupBatch(fd, null, all.subarray(0, position), all.subarray(0, keys), room.subarray(0, values), count)
    t.throws(lookup(3, 16, room.length, 4), RangeError)
    t.throws(lookup(4, 15, room.length, 4), RangeError)
    t.throws(lookup(4, 16, room.length - 1, 4), RangeError)
    t.throws(lookup(4, 16, room.length, 2 ** 32 - 1), RangeError)
    t.throws(() => bridge.mapUpdateBatch(fd, all.subarray(0, 16), room.subarray(1), 4), RangeError)
    t.throws(() => bridge.mapDeleteBatch(fd, all.subarray(0, 15), 4), RangeError)
    bridge.close(fd)
  }
  t.ok(all.every(byte => byte === 0xaa))
})
