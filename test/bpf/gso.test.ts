// SPDX-License-Identifier: Apache-2.0
/**
 * A GSO packet is translated like any other, and stays one: neither its segment size nor their number changes. A test run takes no
 * more than a page; the lab sends bigger ones.
 */
import t from 'tap'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of CASES) {
  t.test(test.name, async t => {
    addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
    for (const segments of [2, 3]) {
      const fields = { flags: 'PA', payload: Buffer.alloc(segments * 1000 - 1, segments) }
      const gso = { gsoSize: 1000, gsoSegs: segments }
      const there = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields), gso)
      passesAs(t, there, frameBetween(test, test.client, test.backend(1), fields), `${segments} segments there`)
      t.match(there.skb, gso, 'still the same GSO packet')
      const back = dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), test.client, fields), gso)
      passesAs(t, back, frameBetween(test, test.vip, test.client, fields), `${segments} segments back`)
      t.match(back.skb, gso, 'still the same GSO packet')
    }
  })
}
