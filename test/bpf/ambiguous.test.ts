// SPDX-License-Identifier: Apache-2.0
/** One client port to two Services that share a backend: replies find the Service that was dialled (cilium#11810). */
import t from 'tap'
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { parse } from '../packet/packet.ts'
import { CASES, frameBetween, SCTP4, SCTP6, TCP4, TCP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

// Room for all flows: an evicted entry would set its port free.
const dataplane = loadDataplane({ flows: 262_144 })
t.teardown(() => dataplane.close())

/** The client's port as the backend sees it. */
function portOf(frame: Buffer): number {
  const { transport } = parse(frame)!
  return transport && 'sport' in transport ? transport.sport : 0
}

for (const test of [...CASES, SCTP4, SCTP6]) {
  t.test(test.name, async t => {
    const { client } = test
    const backend = test.backend(1)
    const vips = [80, 81, 82].map(port => ({ ...test.vip, port }))
    for (const vip of vips) addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [backend] })
    const seen = vips.map(vip => portOf(dataplane.run('tc_pod_ingress', frameBetween(test, client, vip)).frame))
    t.equal(new Set(seen).size, vips.length, `the backend sees ${seen.join(', ')}`)
    t.equal(seen[0], client.port, 'the first keeps its port')
    for (const [i, vip] of vips.entries()) {
      const masked = { ...client, port: seen[i]! }
      const again = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'A' }), {
        checksumComplete: true,
      })
      passesAs(t, again, frameBetween(test, masked, backend, { flags: 'A' }), `port ${vip.port} there`)
      const back = dataplane.run('tc_pod_egress', frameBetween(test, backend, masked, { flags: 'SA' }), {
        checksumComplete: true,
      })
      passesAs(t, back, frameBetween(test, vip, client, { flags: 'SA' }), `port ${vip.port} back`)
    }
  })

  t.test(`${test.name}: when no port is left the packet is dropped and counted`, async t => {
    const { client } = test
    const backend = test.backend(2)
    let dropped = 0
    const before = dataplane.reason(Reason.PORTS_EXHAUSTED)
    // As many Services as no source port range can tell apart.
    for (let n = 1; n <= 5000; n++) {
      const vip = { address: test.version === 4 ? `10.97.${n >> 8}.${n & 255}` : `fd97::${n.toString(16)}`, port: 80 }
      addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [backend] })
      if (dataplane.run('tc_pod_ingress', frameBetween(test, client, vip)).verdict === 2) dropped++
    }
    t.ok(dropped >= 5000 - 4537, `${dropped} of 5,000 dropped`)
    t.equal(dataplane.reason(Reason.PORTS_EXHAUSTED) - before, BigInt(dropped), 'counted')
  })
}

for (const test of [TCP4, TCP6])
  t.test(`${test.name}: a direct connection may take the port of a flow that has ended`, async t => {
    const backend = test.backend(9)
    const client = { ...test.client, port: 41_000 }
    const vip = { ...test.vip, port: 99 }
    addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [backend] })
    dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'S' }))
    dataplane.run('tc_pod_egress', frameBetween(test, backend, client, { flags: 'SA' }))
    const answer = frameBetween(test, backend, client, { flags: 'SA' })
    dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'FA' }))
    dataplane.run('tc_pod_egress', frameBetween(test, backend, client, { flags: 'FA' }))
    dataplane.run('tc_pod_ingress', frameBetween(test, client, backend, { flags: 'S' }))
    passesAs(t, dataplane.run('tc_pod_egress', answer), answer, 'when it has ended, the answer is the direct one')
  })
