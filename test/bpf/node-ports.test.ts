// SPDX-License-Identifier: Apache-2.0
/** A nodePort answers on every address of this node, on no other, and leaves the node's other ports alone. */
import t from 'tap'
import { mappedBytes } from '../packet/address.ts'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of CASES) {
  t.test(test.name, async t => {
    const any = test.version === 4 ? '0.0.0.0' : '::'
    const nodes = test.version === 4 ? ['192.168.0.3', '172.16.0.3'] : ['fd77::3', '2001:db8:3::3']
    for (const address of nodes) dataplane.nodeAddrs.update(mappedBytes(address), 2)
    const frontend = { address: any, port: 30_080, proto: test.proto }
    addService(dataplane, { frontends: [frontend], backends: [test.backend(1)] })
    // addService makes each frontend's address refuse; a node's does not.
    dataplane.frontends.delete({ addr: mappedBytes(any), port: 0, proto: 0, scope: 0 })
    for (const address of nodes) {
      const dialled = { address, port: 30_080 }
      const client = { ...test.client, port: 1000 + nodes.indexOf(address) }
      const there = dataplane.run('tc_pod_ingress', frameBetween(test, client, dialled))
      passesAs(t, there, frameBetween(test, client, test.backend(1)), `to ${address}`)
      const back = dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), client))
      passesAs(t, back, frameBetween(test, dialled, client), `from ${address}`)
      const other = frameBetween(test, client, { address, port: 22 })
      passesAs(t, dataplane.run('tc_pod_ingress', other), other, 'another port of the node')
    }
    const elsewhere = frameBetween(test, test.client, { ...test.stranger, port: 30_080 })
    passesAs(t, dataplane.run('tc_pod_ingress', elsewhere), elsewhere, 'the same port elsewhere')
    const nowhere = frameBetween(test, test.client, { address: any, port: 30_080 })
    passesAs(t, dataplane.run('tc_pod_ingress', nowhere), nowhere, 'the same port of the zero address')
  })
}
