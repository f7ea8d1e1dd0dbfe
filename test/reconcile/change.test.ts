// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { BackendState, FrontendFlag } from '../../agent/kernel/layout.gen.ts'
import { writesOf } from '../../agent/kernel/operations.ts'
import { reconciler } from '../../agent/reconcile/reconciler.ts'
import { backends, desired, fixture, frontend, liveBackend, service } from './fixture.ts'

const { open, remove } = fixture('change')
t.teardown(remove)

t.test('one endpoint more costs the backend, the table and one frontend', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const others = Array.from({ length: 200 }, (_, i) => service(`other${i}`, [frontend(`10.96.1.${i}`)], backends(1)))
  maps.apply(desired(...others, service('web', [frontend('10.96.0.10')], backends(1, 2))), true)
  const before = { ...dataplane.operations }
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2, 3))), false)
  const writes = writesOf(dataplane.operations) - writesOf(before)
  const calls = dataplane.operations.syscalls - before.syscalls
  t.comment(`${writes} elements written, ${calls} system calls, 200 other Services`)
  t.equal(calls, 1, 'one system call: the frontend; the backend and the table are written through mmap')
  t.ok(writes <= 2 + Math.ceil((3 * 4 + 652) / 64), 'one backend, the blocks of one table, one frontend')
})

t.test('what a change costs is the size of that Service', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  const web = (hosts: readonly number[]) => desired(service('ten', [frontend('10.96.0.40')], backends(...hosts)))
  const cost = (change: () => void) => {
    const before = { ...dataplane.operations }
    change()
    const { syscalls, updates, deletes } = dataplane.operations
    return { calls: syscalls - before.syscalls, writes: updates + deletes - before.updates - before.deletes }
  }
  /** Blocks of a table for ten backends: ids and 1,303 slots of half a byte. */
  const table = Math.ceil((10 * 4 + 652) / 64)
  const cases = [
    // Its counters are set to nothing, its name comes, and in one batch its frontend and its address.
    { what: 'a Service comes', change: web(ten), calls: 3, writes: 10 + table + 4 + 1 },
    { what: 'nothing', change: web(ten), calls: 0, writes: 0 },
    { what: 'one endpoint for another', change: web([...ten.slice(1), 11]), calls: 1, writes: 2 + table + 1 },
    { what: 'one goes', change: web(ten.slice(1)), calls: 1, writes: 1 + table + 1 },
    { what: 'the Service goes', change: new Map([['default/ten', undefined]]), calls: 2, writes: 9 + 3 },
  ]
  for (const { what, change, calls, writes } of cases) {
    const spent = cost(() => void maps.apply(change, false))
    t.ok(spent.calls <= calls, `${what}: ${spent.calls} system calls of ${calls}`)
    t.ok(spent.writes <= writes, `${what}: ${spent.writes} elements written of ${writes}`)
  }
})

t.test('a Service with ten backends takes 1 KB to select from', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const before = { blocks: maps.arena.used, backends: maps.backends.used }
  const many = Array.from({ length: 20 }, (_, i) =>
    service(`size${i}`, [frontend(`10.96.2.${i}`)], backends(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
  )
  maps.apply(desired(...many), false)
  const { tables, backends: slots } = dataplane
  const blocks = (maps.arena.used - before.blocks) * tables.stride
  const bytes = (blocks + (maps.backends.used - before.backends) * slots.stride) / many.length
  t.equal(bytes, 1_024, 'bytes')
})

t.test('a backend that goes is free at once, and its id rests', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const gone = liveBackend(dataplane, maps, 'web', 3)
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2))), false)
  t.equal(dataplane.backends.read(gone.id).state, BackendState.FREE)
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2, 4))), false)
  const added = liveBackend(dataplane, maps, 'web', 4)
  t.not(added.id, gone.id, 'not given to the next one')
  const resting = maps.backends.resting()
  maps.backends.settle(resting, () => false)
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2, 4, 5))), false)
  const later = liveBackend(dataplane, maps, 'web', 5)
  t.equal(later.id, gone.id, 'given out again when nothing names it')
  t.equal(dataplane.backends.read(later.id).generation, gone.generation + 1, 'with another generation')
})

t.test('a frontend that moves to another Service is never missing', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const address = '10.96.0.20'
  maps.apply(desired(service('a', [frontend(address)], backends(1))), false)
  const deletes = dataplane.operations.deletes
  const moved = new Map(
    [...desired(service('b', [frontend(address)], backends(2)))].concat([['default/a', undefined as never]]),
  )
  maps.apply(moved, false)
  const entry = [...dataplane.frontends.entries()].find(
    ([key, value]) => key.port === 80 && value.service === maps.live.ports.get('default/b:http/TCP')?.id,
  )
  t.ok(entry, 'it is the other one now')
  t.notOk(maps.live.ports.has('default/a:http/TCP'))
  t.equal(dataplane.operations.deletes - deletes, 1, 'only the name of the Service that went was deleted')
})

t.test('a clusterIP as such is refused as long as one port of it is there', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const entries = () =>
    [...dataplane.frontends.entries()].filter(
      ([key, value]) => key.addr[14] === 0 && key.addr[15] === 30 && value.flags & FrontendFlag.ADDRESS,
    ).length
  maps.apply(desired(service('c', [frontend('10.96.0.30'), frontend('10.96.0.30', 443)], backends(1))), false)
  t.equal(entries(), 1)
  maps.apply(desired(service('c', [frontend('10.96.0.30', 443)], backends(1))), false)
  t.equal(entries(), 1)
  maps.apply(new Map([['default/c', undefined]]), false)
  t.equal(entries(), 0)
})
