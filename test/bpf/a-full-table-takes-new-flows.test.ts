// SPDX-License-Identifier: Apache-2.0
/** When ek_flows is full a new connection gets in all the same: those that have ended make room first, then the one that was silent for longest. */
import t, { type Test } from 'tap'
import { frameBetween, TCP4, TCP6 } from './cases.ts'
import { type Dataplane, loadDataplane, VERDICT } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { destinationOf, flowOf } from './tuples.ts'

/** Entries; each connection has two. */
const FLOWS = 1_024
const CONNECTIONS = FLOWS / 2

type Case = typeof TCP4

function run(dataplane: Dataplane, test: Case, client: Endpoint, flags: string) {
  return dataplane.run('tc_pod_ingress', frameBetween(test, client, test.vip, { flags }))
}

/** With `ended`, both sides have closed. */
function connect(dataplane: Dataplane, test: Case, client: Endpoint, ended = false): boolean {
  const { verdict, frame } = run(dataplane, test, client, 'S')
  if (verdict !== VERDICT.PASS) return false
  const backend = destinationOf(frame)
  const answer = (flags: string) => dataplane.run('tc_pod_egress', frameBetween(test, backend, client, { flags }))
  answer('SA')
  run(dataplane, test, client, 'A')
  if (!ended) return true
  run(dataplane, test, client, 'FA')
  answer('FA')
  return true
}

function loaded(t: Test, test: Case): Dataplane {
  const dataplane = loadDataplane({ flows: FLOWS })
  t.teardown(() => dataplane.close())
  addService(dataplane, {
    frontends: [{ ...test.vip, proto: test.proto }],
    backends: [test.backend(1), test.backend(2)],
  })
  return dataplane
}

const clients = (test: Case, from: number, count: number): Endpoint[] =>
  Array.from({ length: count }, (_, i) => ({ ...test.client, port: from + i }))

/** Fewer than have ended among those that every CPU's ring knows. */
const LATE = 16

for (const test of [TCP4, TCP6]) {
  t.test(`${test.name}: those that have ended make room`, async t => {
    const dataplane = loaded(t, test)
    const live = clients(test, 1_024, CONNECTIONS / 2)
    const ended = clients(test, 10_000, CONNECTIONS / 2)
    for (const [i, client] of live.entries()) {
      connect(dataplane, test, client)
      connect(dataplane, test, ended[i]!, true)
    }
    t.equal([...dataplane.flows.entries()].length, FLOWS, 'the table is full')
    const late = clients(test, 20_000, LATE)
    t.equal(late.filter(client => connect(dataplane, test, client)).length, late.length, 'all get in')
    const lost = live.filter(client => !flowOf(dataplane, test, client)).length
    // Some are compared, not all: which ones is up to the processors that the test ran on.
    t.ok(lost <= live.length / 100, `${lost} of ${live.length} live ones had to go`)
    t.equal(late.filter(client => flowOf(dataplane, test, client)).length, late.length, 'and none of the new ones')
  })

  t.test(`${test.name}: when all are alive some of the first go, and each new one gets in`, async t => {
    const dataplane = loaded(t, test)
    for (const client of clients(test, 1_024, CONNECTIONS)) connect(dataplane, test, client)
    const late = clients(test, 20_000, LATE)
    t.equal(late.filter(client => connect(dataplane, test, client)).length, late.length)
    t.ok(late.filter(client => flowOf(dataplane, test, client)).length > 0.9 * late.length, 'and is there')
    t.ok([...dataplane.flows.entries()].length <= FLOWS)
  })
}
