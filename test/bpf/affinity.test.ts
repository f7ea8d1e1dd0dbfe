// SPDX-License-Identifier: Apache-2.0
/** ClientIP affinity: a client sticks to its backend, until its time is over or the backend is. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { BackendState } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, frameBetween, TCP4 } from './cases.ts'
import { type Dataplane, loadDataplane } from './harness.ts'
import { addService, type Endpoint, type Service, type ServiceFields, setBackend, setPool } from './services.ts'
import { destinationOf } from './tuples.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

const TEN = Array.from({ length: 10 }, (_, i) => i + 1)

let nextPort = 10_000

/** Opens a flow from a port that was not used yet, and says which backend has it. */
function dial(plane: Dataplane, test: Case, vip: Endpoint, address = test.client.address): string {
  const client = { address, port: nextPort++ }
  return destinationOf(plane.run('tc_pod_ingress', frameBetween(test, client, vip)).frame).address
}

function dialMany(test: Case, vip: Endpoint, times: number, address = test.client.address): string[] {
  return Array.from({ length: times }, () => dial(dataplane, test, vip, address))
}

function stick(test: Case, port: number, affinity: number): { vip: Endpoint; service: Service; fields: ServiceFields } {
  const vip = { ...test.vip, port }
  const backends = TEN.map(n => test.backend(n))
  const fields = { frontends: [{ ...vip, proto: test.proto }], backends, affinity }
  return { vip, fields, service: addService(dataplane, fields) }
}

for (const test of CASES) {
  t.test(`${test.name}: one client, one backend; other clients, other backends`, async t => {
    const { vip } = stick(test, 1000, 10_800)
    t.equal(new Set(dialMany(test, vip, 50)).size, 1, '50 connections')
    const clients = TEN.flatMap(n => [n + 100, n + 150]).map(n => test.backend(n).address)
    const chosen = clients.map(address => new Set(dialMany(test, vip, 5, address)))
    t.ok(
      chosen.every(set => set.size === 1),
      'each of 20 others sticks too',
    )
    t.ok(new Set(chosen.flatMap(set => [...set])).size >= 5, 'and they do not all have the same one')
  })

  t.test(`${test.name}: without affinity one client has many backends`, async t => {
    const { vip } = stick(test, 1001, 0)
    t.ok(new Set(dialMany(test, vip, 100)).size >= 9, '100 connections')
  })

  t.test(`${test.name}: two ports of a Service are two affinities`, async t => {
    const pairs = TEN.map(n => {
      const { vip } = stick(test, 2000 + n, 10_800)
      return dial(dataplane, test, vip)
    })
    t.ok(new Set(pairs).size >= 3, `ten Service ports: ${new Set(pairs).size} backends`)
  })

  t.test(`${test.name}: a backend that is draining, out of the pool, replaced or gone is left`, async t => {
    const changes = {
      draining: { state: BackendState.DRAINING, pools: 0 },
      'out of the pool': { pools: 2 },
      replaced: { generation: 2 },
      gone: { state: BackendState.FREE, pools: 0 },
    }
    for (const [i, [what, change]] of Object.entries(changes).entries()) {
      const { vip, service, fields } = stick(test, 3000 + i, 10_800)
      const first = dial(dataplane, test, vip)
      const index = fields.backends.findIndex(({ address }) => address === first)
      setBackend(dataplane, service.backends[index]!, service.id, fields.backends[index]!, change)
      const left = fields.backends
        .map((endpoint, n) => ({ ...endpoint, id: service.backends[n]! }))
        .filter((_, n) => n !== index)
      setPool(dataplane, service.id, fields, left)
      const next = dialMany(test, vip, 20)
      t.notOk(next.includes(first), `${what}: it is left`)
      t.equal(new Set(next).size, 1, `${what}: the client sticks to another`)
    }
  })
}

t.test('each new connection begins the time anew, packets of old ones do not', { timeout: 60_000 }, async t => {
  const [test = TCP4] = CASES
  const { vip } = stick(test, 4000, 1)
  const clients = TEN.map(n => ({ address: test.backend(n + 100).address, port: nextPort++ }))
  const packets = (flags: string) => {
    for (const client of clients) dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags }))
  }
  const dialAll = () => clients.map(({ address }) => dial(dataplane, test, vip, address))
  const first = dialAll()
  for (let n = 0; n < 5; n++) {
    await sleep(500)
    t.same(dialAll(), first, `${(n + 1) * 500} ms, with a connection of each client every 500 ms`)
  }
  packets('S')
  for (const begun = Date.now(); Date.now() - begun < 1100; await sleep(200)) packets('A')
  const later = dialAll()
  // One of ten stays in the mean: all ten do once in 10^10 runs.
  t.notSame(later, first, `a second later, with packets of old ones: ${later.join(', ')}`)
})

t.test('after the time another backend answers, for many clients at once', { timeout: 60_000 }, async t => {
  for (const test of CASES) stick(test, 4001, 1)
  const clients = CASES.flatMap(test => TEN.map(n => ({ test, address: test.backend(n + 200).address })))
  const dialAll = () => clients.map(({ test, address }) => dial(dataplane, test, { ...test.vip, port: 4001 }, address))
  const first = dialAll()
  t.same(dialAll(), first, 'at first all stick')
  await sleep(1100)
  const second = dialAll()
  const moved = second.filter((address, i) => address !== first[i]).length
  // Nine of ten move in the mean; 36 of 40, with a standard deviation of 1.9.
  t.ok(moved >= 26, `${moved} of 40 have another one`)
  t.same(dialAll(), second, 'to which they stick again')
})

t.test('affinity is switched on, off and to another time while it runs', { timeout: 60_000 }, async t => {
  const [test] = CASES
  const { vip, service, fields } = stick(test!, 4002, 0)
  const members = fields.backends.map((endpoint, n) => ({ ...endpoint, id: service.backends[n]! }))
  const switchTo = (affinity: number) => setPool(dataplane, service.id, { ...fields, affinity }, members)
  switchTo(10_800)
  t.equal(new Set(dialMany(test!, vip, 30)).size, 1, 'on')
  switchTo(0)
  t.ok(new Set(dialMany(test!, vip, 30)).size > 1, 'off')
  switchTo(1)
  await sleep(1100)
  const first = dial(dataplane, test!, vip)
  t.equal(new Set([first, ...dialMany(test!, vip, 30)]).size, 1, 'on for a second')
})
