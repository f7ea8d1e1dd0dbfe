// SPDX-License-Identifier: Apache-2.0
/** A pod that reaches itself through its Service gets its own packets back from the Service's address. */
import t from 'tap'
import { CLIENT_MAC, NODE_MAC } from '../packet/ethernet.ts'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { sentAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

const BACK = { src: NODE_MAC, dst: CLIENT_MAC }

for (const test of CASES) {
  t.test(test.name, async t => {
    const { client, vip } = test
    const self = { address: client.address, port: 8080 }
    addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [self] })
    for (const flags of ['S', 'A', 'PA', 'FA']) {
      const there = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags }), {
        checksumComplete: true,
      })
      const fromService = { address: vip.address, port: client.port }
      sentAs(t, there, frameBetween(test, fromService, self, { ...BACK, flags }), `${flags} to itself`)
      // The server in the pod answers what it sees as the Service.
      const reply = frameBetween(test, self, fromService, { flags })
      const back = dataplane.run('tc_pod_ingress', reply, { checksumComplete: true })
      sentAs(t, back, frameBetween(test, vip, client, { ...BACK, flags }), `${flags} back`)
    }
  })

  t.test(`${test.name}: two connections at once do not mix`, async t => {
    const self = { address: test.client.address, port: 8080 }
    for (const port of [41_000, 41_001]) {
      const client = { ...test.client, port }
      const fromService = { address: test.vip.address, port }
      const there = dataplane.run('tc_pod_ingress', frameBetween(test, client, test.vip))
      sentAs(t, there, frameBetween(test, fromService, self, BACK), `from port ${port}`)
      const back = dataplane.run('tc_pod_ingress', frameBetween(test, self, fromService))
      sentAs(t, back, frameBetween(test, test.vip, client, BACK), `to port ${port}`)
    }
  })
}
