// SPDX-License-Identifier: Apache-2.0
import { crc32 } from 'node:zlib'
import t from 'tap'
import { addressBytes } from '../../agent/kernel/address.ts'
import { Dir, FlowState } from '../../agent/kernel/layout.gen.ts'
import { writesOf } from '../../agent/kernel/operations.ts'
import { addressBit, namedByte } from '../../agent/reconcile/known-addresses.ts'
import { reconciler } from '../../agent/reconcile/reconciler.ts'
import { backends, desired, fixture, frontend, service } from './fixture.ts'

const { open, remove } = fixture('restart')
t.teardown(remove)

const web = service(
  'web',
  [frontend('10.96.0.10'), frontend('fd00:96::10', 80, { pool: 2 })],
  [
    ...backends(1, 2, 3),
    { address: '10.244.0.9', port: 8080, pools: 0, local: false },
    { address: 'fd00:244::1', port: 8080, pools: 4, local: true },
  ],
)
const db = service('db', [frontend('10.96.0.11', 5432)], backends(7), { affinitySeconds: 60 })
const empty = service('empty', [frontend('10.96.0.12')], [])

t.test('a restart with nothing changed writes nothing', async t => {
  const first = open()
  t.same(reconciler(first).apply(desired(web, db, empty), true), [])
  t.ok(writesOf(first.operations) > 0, 'the first start writes')
  const second = open()
  t.same(reconciler(second).apply(desired(web, db, empty), true), [])
  t.equal(writesOf(second.operations), 0, 'the second writes nothing, a draining backend and an empty Service included')
})

t.test('ids stay over a restart, and what nobody wants any more goes', async t => {
  const before = reconciler(open()).live.ports.get('default/web:http/TCP')
  const dataplane = open()
  const maps = reconciler(dataplane)
  maps.apply(desired(web), true)
  const after = maps.live.ports.get('default/web:http/TCP')
  t.equal(after?.id, before?.id)
  t.same(after?.backends, before?.backends)
  t.same(
    [...dataplane.services.entries()].map(([, { name }]) => name),
    ['default/web:http/TCP'],
  )
  // Two frontends and the two addresses as such.
  t.equal([...dataplane.frontends.entries()].length, 4)
})

t.test('a table that a crash left half-written is written again', async t => {
  const broken = open()
  const table = [...broken.frontends.entries()].find(([, value]) => value.size > 0)?.[1].table ?? 0
  broken.tables.writeBytes(table, Buffer.alloc(64, 0xff))
  const dataplane = open()
  // The ids at the start of the run were hit: they name nothing, so the run is another one.
  reconciler(dataplane).apply(desired(web), true)
  t.ok(writesOf(dataplane.operations) > 0)
  const again = open()
  reconciler(again).apply(desired(web), true)
  t.equal(writesOf(again.operations), 0)
})

t.test('a slot that says something else is found, and the table is written anew', async t => {
  const broken = open()
  reconciler(broken).apply(desired(web), true)
  const { table, backends: members } = [...broken.frontends.entries()].find(([, value]) => value.backends === 3)![1]
  const run = Buffer.from(broken.tables.view(table, 1))
  run[members * 4]! ^= 1
  broken.tables.writeBytes(table, run)
  const dataplane = open()
  reconciler(dataplane).apply(desired(web), true)
  const blocks = Math.ceil((3 * 4 + 652 + 4) / 64)
  const writes = writesOf(dataplane.operations)
  t.ok(writes > 0 && writes <= blocks + 1, 'a new run and its frontend at most, where the bytes differ')
  const again = open()
  reconciler(again).apply(desired(web), true)
  t.equal(writesOf(again.operations), 0)
})

t.test('tables that another version has filled by another rule are filled anew, though they are whole', async t => {
  const before = open()
  reconciler(before).apply(desired(web), true)
  const value = [...before.frontends.entries()].find(([, { backends }]) => backends === 3)![1]
  const blocks = Math.ceil((3 * 4 + 652 + 4) / 64)
  const ours = Buffer.from(before.tables.view(value.table, blocks))
  const theirs = Buffer.from(ours)
  theirs.fill(0x21, 3 * 4, 3 * 4 + 652)
  theirs.writeUInt32BE(crc32(theirs.subarray(0, 3 * 4 + 652), 1), theirs.length - 4)
  before.tables.writeBytes(value.table, theirs)
  const dataplane = open()
  reconciler(dataplane).apply(desired(web), true)
  const now = [...dataplane.frontends.entries()].find(([, { backends }]) => backends === 3)![1]
  t.not(now.table, value.table, 'in another place: programs read the old one until the frontend leads there')
  t.same(dataplane.tables.view(now.table, blocks), ours)
})

t.test('a start makes programs know the addresses of what is there, when nobody had told them', async t => {
  const dataplane = open()
  reconciler(dataplane).apply(desired(web), true)
  const [gone, client] = [addressBytes('10.96.0.99'), addressBytes('10.244.7.7')]
  const ends = { saddr: client, daddr: gone, sport: 40_000, dport: 80 }
  const flow = {
    ...ends,
    service: 0,
    backend: 0,
    generation: 0,
    seen: 0n,
    state: FlowState.ESTABLISHED,
    flags: 0,
    tick: 0,
  }
  const entering = { ...ends, proto: 6, dir: Dir.ENTER }
  const leaving = { ...entering, saddr: gone, daddr: client, dir: Dir.LEAVE }
  for (const tuple of [entering, leaving]) dataplane.flows.update(tuple, flow)
  const backend = { addr: addressBytes('10.244.3.3'), port: 8080 }
  const name = { addr: gone, port: 80, flags: 0, service: 0, backend: 0, generation: 0 }
  dataplane.sockets!.orig.update({ cookie: 77n, ...backend }, name)
  dataplane.addresses.memory.fill(0)
  const known = (address: Uint8Array) => {
    const bit = addressBit(address)
    return (dataplane.addresses.memory[bit >> 3]! >> (bit & 7)) & 1
  }
  const maps = reconciler(open())
  for (const [{ addr }] of dataplane.frontends.entries()) t.equal(known(addr), 1, 'of a frontend')
  t.equal(known(gone), 1, 'one that no Service has any more, but an open connection leads there')
  t.equal(known(client), 0, "a client's is none of ours")
  t.equal(
    dataplane.addresses.memory[namedByte(backend.addr, backend.port)],
    1,
    'of a backend that a socket has dialled',
  )
  t.notOk(maps.backends.resting().includes(0), 'and the id that means none is never given out')
  for (const tuple of [entering, leaving]) dataplane.flows.delete(tuple)
})
