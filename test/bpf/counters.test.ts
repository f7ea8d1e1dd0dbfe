// SPDX-License-Identifier: Apache-2.0
/** Every Service counts its connections, its packets in both directions and their bytes, from the IP header on. */
import t from 'tap'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of CASES) {
  t.test(test.name, async t => {
    const [mine, other] = [80, 81].map(port => {
      const frontends = [{ ...test.vip, port, proto: test.proto }]
      return addService(dataplane, { frontends, backends: [test.backend(1)] })
    })
    let bytes = 0
    for (let port = 1; port <= 5; port++) {
      const client = { ...test.client, port }
      for (const length of [0, 100]) {
        const payload = Buffer.alloc(length)
        const there = frameBetween(test, client, test.vip, { payload })
        const back = frameBetween(test, test.backend(1), client, { payload })
        dataplane.run('tc_pod_ingress', there)
        dataplane.run('tc_pod_egress', back)
        bytes += there.length + back.length - 28
      }
    }
    const expected = { connections: 5n, packets: 20n, bytes: BigInt(bytes), rejected: 0n }
    t.same(dataplane.counters.sum(mine!.id), expected)
    t.same(
      dataplane.counters.sum(other!.id),
      { connections: 0n, packets: 0n, bytes: 0n, rejected: 0n },
      'the other one none',
    )
  })
}
