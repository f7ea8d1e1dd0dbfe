// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { addressBytes } from '../../agent/kernel/address.ts'
import { mapArray } from '../../agent/kernel/array.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check } from '../../agent/kernel/errno.ts'
import { type Backend, BackendState, BLOCK_SIZE, MAPS } from '../../agent/kernel/layout.gen.ts'
import { openMap } from '../../agent/kernel/maps.ts'
import { makeMap } from './workspace.ts'

const empty = MAPS.backends.value.decode(Buffer.alloc(MAPS.backends.value.size))
const backend: Backend = {
  ...empty,
  addr: addressBytes('10.0.0.7'),
  port: 8080,
  state: BackendState.ACTIVE,
  generation: 3,
}

t.test('what is written through memory is what a look-up by the kernel finds', async t => {
  const fd = makeMap(MAPS.backends, 100)
  const array = mapArray(MAPS.backends, fd)
  t.same(array.read(42), empty)
  t.equal(array.write(42, backend), true)
  t.same(array.read(42), backend)
  t.same(openMap(MAPS.backends, fd).lookup(42), backend)
  t.same(array.operations, { lookups: 0, updates: 1, deletes: 0, batches: 0, syscalls: 0 })
  array.close()
})

t.test('writing the same again is no write', async t => {
  const array = mapArray(MAPS.backends, makeMap(MAPS.backends, 100))
  array.write(1, backend)
  t.equal(array.write(1, { ...backend }), false)
  t.equal(array.operations.updates, 1)
  array.close()
})

t.test('a run of blocks is written where its bytes differ', async t => {
  const array = mapArray(MAPS.tables, makeMap(MAPS.tables, 100))
  const bytes = Buffer.from(Array.from({ length: 3 * BLOCK_SIZE + 10 }, (_, i) => i % 251))
  t.equal(array.writeBytes(96, bytes), 4)
  t.equal(array.writeBytes(96, bytes), 0)
  bytes.writeUInt8(99, 2 * BLOCK_SIZE + 5)
  t.equal(array.writeBytes(96, bytes), 1)
  t.same(array.view(96, 4).subarray(0, bytes.length), bytes)
  t.equal(array.operations.updates, 5)
  array.close()
})

t.test('elements beyond the end are refused', async t => {
  const array = mapArray(MAPS.tables, makeMap(MAPS.tables, 100))
  t.throws(() => array.read(100), /ek_tables has 100 elements: no 100/)
  t.throws(() => array.write(-1, new Uint8Array(BLOCK_SIZE)), RangeError)
  t.throws(() => array.writeBytes(99, new Uint8Array(BLOCK_SIZE + 1)), /no 99 to 100/)
  t.throws(() => array.view(99, 2), RangeError)
  array.close()
})

t.test('an array opened for reading refuses writes', async t => {
  const array = mapArray(MAPS.backends, makeMap(MAPS.backends, 100), { writable: false })
  t.throws(() => array.write(1, backend), /ek_backends was opened for reading/)
  t.equal(array.write(1, empty), false)
  array.close()
})

t.test('a map that is not mmapable is an error', async t => {
  const { name, type } = MAPS.backends
  const spec = { name, type, keySize: 4, valueSize: MAPS.backends.value.size, maxEntries: 10, flags: 0 }
  const fd = check(bridge.mapCreate(spec), 'make map', name)
  t.throws(() => mapArray(MAPS.backends, fd), { name: 'KernelError', message: /BPF_F_MMAPABLE/ })
  bridge.close(fd)
})
