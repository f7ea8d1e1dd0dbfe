// SPDX-License-Identifier: Apache-2.0
/** The two entries of a flow may go one without the other (LRU); one that stayed behind must not spoil a newer flow. */
import t, { type Test } from 'tap'
import { Dir, FlowFlag } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint, setPool } from './services.ts'
import { backendOf, destinationOf, flowOf, tupleOf } from './tuples.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

/**
 * An answered flow loses its forward entry, and its Service leads to the other backend from now on, where the next packet begins a
 * new flow. A late packet of the old one comes before the new one is answered.
 */
function replaceFlow(
  t: Test,
  test: Case,
  [client, vip]: readonly [Endpoint, Endpoint],
  [first, second]: readonly [Endpoint, Endpoint],
  answerOld: (flags: string) => unknown,
): void {
  const fields = { frontends: [{ ...vip, proto: test.proto }], backends: [first, second] }
  const service = addService(dataplane, fields)
  const [old, other] = fields.backends.map((endpoint, i) => ({ ...endpoint, id: service.backends[i]! }))
  setPool(dataplane, service.id, fields, [old!])
  dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
  answerOld('SA')
  t.ok(dataplane.flows.delete(tupleOf(test, client, vip)), 'the forward entry goes')
  setPool(dataplane, service.id, fields, [other!])
  const { frame } = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
  t.same(destinationOf(frame), second, 'the next packet goes to another backend')
  answerOld('FA')
  dataplane.run('tc_pod_egress', frameBetween(test, second, client, { flags: 'SA' }))
  t.same(backendOf(flowOf(dataplane, test, client, vip)!), second, 'whose answer says where the flow leads')
}

for (const test of CASES) {
  t.test(`${test.name}: what is left of a hairpin flow does not turn its successor into one`, async t => {
    const { client, vip } = test
    const self = { address: client.address, port: 8080 }
    const other = test.backend(1)
    // The pod's server answers what it saw as the Service.
    const asService = { address: vip.address, port: client.port }
    const old = (flags: string) => dataplane.run('tc_pod_ingress', frameBetween(test, self, asService, { flags }))
    replaceFlow(t, test, [client, vip], [self, other], old)
    for (const flags of ['A', 'FA', 'RA']) old(flags)
    t.notOk(flowOf(dataplane, test)!.flags & FlowFlag.HAIRPIN, 'the new flow is no hairpin')
    const next = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'A' }))
    passesAs(t, next, frameBetween(test, client, other, { flags: 'A' }), 'the next packet of the new flow')
  })

  t.test(`${test.name}: what is left of a flow's replies does not close its successor`, async t => {
    const client = { ...test.client, port: 50_000 }
    const vip = { ...test.vip, port: 82 }
    const [left, taken] = [test.backend(1), test.backend(2)] as const
    const old = (flags: string) => dataplane.run('tc_pod_egress', frameBetween(test, left, client, { flags }))
    replaceFlow(t, test, [client, vip], [left, taken], old)
    const before = flowOf(dataplane, test, client, vip)!
    old('RA')
    t.same(flowOf(dataplane, test, client, vip), before, 'the new flow is as it was')
    const reply = dataplane.flows.lookup(tupleOf(test, taken, client, Dir.LEAVE))
    t.equal(reply?.state, before.state)
  })
}
