// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { addressBytes } from '../../agent/kernel/address.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { type MapLayout, u32Codec } from '../../agent/kernel/codec.ts'
import { type Frontend, type FrontendKey, MAPS, Scope } from '../../agent/kernel/layout.gen.ts'
import { encodeAll, type MapOptions, openMap, type TypedMap } from '../../agent/kernel/maps.ts'
import { writesOf } from '../../agent/kernel/operations.ts'
import { makeMap } from './workspace.ts'

const COUNT = 10_000

function keyOf(i: number): FrontendKey {
  return { addr: addressBytes(`10.0.${i >> 8}.${i & 255}`), port: i, proto: 6, scope: Scope.CLUSTER }
}

function frontendOf(i: number): Frontend {
  return { service: i, table: 2 * i, size: 307, backends: 3, affinity: 0, pool: 0, flags: 0 }
}

function frontends(maxEntries = 2 * COUNT, options: MapOptions = {}): TypedMap<FrontendKey, Frontend> {
  return openMap(MAPS.frontends, makeMap(MAPS.frontends, maxEntries), options)
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function fill(map: TypedMap<FrontendKey, Frontend>, count = COUNT): void {
  map.updateMany(numbers(count).map(i => [keyOf(i), frontendOf(i)] as const))
}

/** The service ids of all elements, in order. */
function services(map: TypedMap<FrontendKey, Frontend>): number[] {
  return [...map.entries()].map(([, value]) => value.service).sort((a, b) => a - b)
}

t.test('one element: absent, written, read, refused a second time, deleted', async t => {
  const map = frontends()
  t.equal(map.lookup(keyOf(1)), undefined)
  map.update(keyOf(1), frontendOf(1))
  t.same(map.lookup(keyOf(1)), frontendOf(1))
  t.throws(() => map.update(keyOf(1), frontendOf(2), 1), {
    name: 'KernelError',
    code: 'EEXIST',
    message: /ek_frontends/,
  })
  t.same(map.lookup(keyOf(1)), frontendOf(1))
  t.equal(map.delete(keyOf(1)), true)
  t.equal(map.delete(keyOf(1)), false)
  t.same(map.operations, { lookups: 2, updates: 1, deletes: 1, batches: 0, syscalls: 7 })
  map.close()
})

t.test('elements that are encoded are written as they are', async t => {
  const map = frontends()
  const list = numbers(COUNT)
  const { key, value } = MAPS.frontends
  map.updateEncoded(encodeAll(key, list.map(keyOf)), encodeAll(value, list.map(frontendOf)))
  t.same(map.operations, { lookups: 0, updates: COUNT, deletes: 0, batches: 3, syscalls: 3 })
  t.same(map.lookup(keyOf(COUNT - 1)), frontendOf(COUNT - 1))
  t.same(services(map), list)
  const one = encodeAll(value, [frontendOf(1)])
  t.throws(() => map.updateEncoded(Buffer.alloc(7), one), { name: 'RangeError' }, 'no whole key')
  t.throws(
    () => map.updateEncoded(encodeAll(key, [1, 2].map(keyOf)), one),
    { name: 'RangeError' },
    'a value is missing',
  )
  map.close()
})

t.test('ten thousand elements take three system calls to write and few to read', async t => {
  const map = frontends()
  fill(map)
  t.same(map.operations, { lookups: 0, updates: COUNT, deletes: 0, batches: 3, syscalls: 3 })
  t.same(services(map), numbers(COUNT))
  t.equal(map.operations.lookups, COUNT)
  t.ok(map.operations.syscalls < 15, `${map.operations.syscalls} system calls`)
  map.close()
})

t.test('pages of every size give every element once', async t => {
  for (const chunk of [1, 7, 100, 4096]) {
    const map = frontends(2000, { chunk })
    fill(map, 1000)
    t.same(services(map), numbers(1000), `chunks of ${chunk}`)
    map.close()
  }
})

t.test('keys that are not there do not stop a batch of deletions', async t => {
  const map = frontends()
  fill(map)
  // Those that are there and those that are not take turns.
  const keys = numbers(COUNT)
    .filter(i => i % 3 !== 0)
    .flatMap(i => [keyOf(i), keyOf(COUNT + i)])
  const there = keys.filter(key => map.lookup(key) !== undefined).length
  t.equal(map.deleteMany(keys), there)
  t.same(
    services(map),
    numbers(COUNT).filter(i => i % 3 === 0),
  )
  t.equal(map.operations.deletes, there)
  map.close()
})

t.test('a full map is an error that tells how far it came, and the elements written stay', async t => {
  const map = frontends(100)
  t.throws(() => fill(map, 150), {
    name: 'KernelError',
    code: 'E2BIG',
    message: /ek_frontends.* 100 of 150 elements were written\. The map is full with 100 elements: raise its size/,
  })
  t.equal(services(map).length, 100)
  map.close()
})

t.test('a map type without batches is read and written one by one', async t => {
  const BPF_MAP_TYPE_DEVMAP_HASH = 25
  const devices: MapLayout<number, number> = {
    ...MAPS.nodeAddrs,
    name: 'ek_test_devmap',
    type: BPF_MAP_TYPE_DEVMAP_HASH,
    flags: 0,
    key: u32Codec,
    value: u32Codec,
  }
  const map = openMap(devices, makeMap(devices, 10_000))
  const loopback = 1
  map.updateMany(numbers(5000).map(i => [i, loopback] as const))
  t.equal(writesOf(map.operations), 5000)
  t.same(
    [...map.entries()].map(([key]) => key).sort((a, b) => a - b),
    numbers(5000),
  )
  t.equal(map.deleteMany(numbers(6000)), 5000)
  t.same([...map.entries()], [])
  map.close()
})

t.test('nothing to do is no system call', async t => {
  const map = frontends()
  map.updateMany([])
  map.deleteMany([])
  t.equal(map.operations.syscalls, 0)
  map.close()
})

t.test('a descriptor of another map is refused', async t => {
  const fd = makeMap(MAPS.affinity)
  t.throws(() => openMap(MAPS.frontends, fd), {
    name: 'MismatchError',
    message: /ek_frontends.*type 9.*It should be type 1/,
  })
  bridge.close(fd)
  t.throws(() => openMap(MAPS.counters as unknown as MapLayout<number, number>, fd), /open it with openPerCpuMap/)
})
