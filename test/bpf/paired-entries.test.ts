// SPDX-License-Identifier: Apache-2.0
/** The two entries of a flow may go one without the other (LRU); one that stayed behind must not spoil a newer flow. */
import t, { type Test } from 'tap'
import { Dir, FlowFlag } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint, setPool } from './services.ts'
import { backendOf, flowOf, tupleOf } from './tuples.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

/** The flow's forward entry goes, and its Service leads to the other backend from now on, where the next packet begins a new flow. */
function replaceFlow(
  t: Test,
  test: Case,
  client: Endpoint,
  vip: Endpoint,
  members: readonly [Endpoint, Endpoint],
): void {
  const fields = { frontends: [{ ...vip, proto: test.proto }], backends: members }
  const service = addService(dataplane, fields)
  const [first, second] = members.map((endpoint, i) => ({ ...endpoint, id: service.backends[i]! }))
  setPool(dataplane, service.id, fields, [first!])
  dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
  t.ok(dataplane.flows.delete(tupleOf(test, client, vip)), 'the forward entry goes')
  setPool(dataplane, service.id, fields, [second!])
  dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
}

for (const test of CASES) {
  t.test(`${test.name}: what is left of a hairpin flow does not turn its successor into one`, async t => {
    const { client, vip } = test
    const self = { address: client.address, port: 8080 }
    const other = test.backend(1)
    replaceFlow(t, test, client, vip, [self, other])
    t.same(backendOf(flowOf(dataplane, test)!), other, 'the next packet goes to another backend')
    // A late packet of the old flow: the pod's server answers what it saw as the Service.
    const asService = { address: vip.address, port: client.port }
    for (const flags of ['A', 'FA', 'RA'])
      dataplane.run('tc_pod_ingress', frameBetween(test, self, asService, { flags }))
    t.notOk(flowOf(dataplane, test)!.flags & FlowFlag.HAIRPIN, 'the new flow is no hairpin')
    const next = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'A' }))
    passesAs(t, next, frameBetween(test, client, other, { flags: 'A' }), 'the next packet of the new flow')
  })

  t.test(`${test.name}: what is left of a flow's replies does not close its successor`, async t => {
    const client = { ...test.client, port: 50_000 }
    const vip = { ...test.vip, port: 82 }
    replaceFlow(t, test, client, vip, [test.backend(1), test.backend(2)])
    const before = flowOf(dataplane, test, client, vip)!
    dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), client, { flags: 'RA' }))
    t.same(flowOf(dataplane, test, client, vip), before, 'the new flow is as it was')
    const reply = dataplane.flows.lookup(tupleOf(test, test.backend(2), client, Dir.LEAVE))
    t.equal(reply?.state, before.state)
  })
}
