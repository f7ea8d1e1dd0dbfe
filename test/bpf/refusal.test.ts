// SPDX-License-Identifier: Apache-2.0
/** Where nobody serves, the client is told at once: a port unreachable from the address that it dialled, quoting what it sent. */
import t from 'tap'
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { checkPacket } from '../packet/check.ts'
import { describeFully } from '../packet/describe.ts'
import { CLIENT_MAC, ethernet, NODE_MAC } from '../packet/ethernet.ts'
import { destinationOptions } from '../packet/extension.ts'
import { fragments } from '../packet/fragments.ts'
import { ICMP4, icmp4, UNREACHABLE4 } from '../packet/icmp4.ts'
import { ICMP6, icmp6, UNREACHABLE6 } from '../packet/icmp6.ts'
import { PROTO } from '../packet/protocol.ts'
import { CASES, type Case, type FrameFields, frameBetween, ipBetween, packetBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { isDropped, sentAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())
const services = new Map(
  CASES.map(test => [test, addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [] })]),
)

/** The whole transport header of TCP, 8 bytes of the others (RFC 792). */
function answerTo(test: Case, packet: Buffer, headerLength: number): Buffer {
  const quote = packet.subarray(0, headerLength + (test.proto === PROTO.TCP ? 20 : 8))
  const message =
    test.version === 4
      ? icmp4({ type: ICMP4.UNREACHABLE, code: UNREACHABLE4.PORT, payload: quote })
      : icmp6({ type: ICMP6.UNREACHABLE, code: UNREACHABLE6.PORT, payload: quote })
  const fields: FrameFields = test.version === 4 ? { tos: 0xc0, id: 0 } : {}
  return ethernet(
    { src: NODE_MAC, dst: CLIENT_MAC },
    ipBetween(test.version, test.vip.address, test.client.address, message, fields),
  )
}

for (const test of CASES) {
  const base = test.version === 4 ? 20 : 40

  t.test(`${test.name}: a Service without endpoints refuses`, async t => {
    const before = dataplane.reason(Reason.NO_ENDPOINTS)
    const { id } = services.get(test)!
    const rejected = dataplane.counters.sum(id)!.rejected
    // A SYN without data is reset: connections-are-reset.test.ts.
    const lengths = test.proto === PROTO.TCP ? [1, 7, 512, 1400] : [0, 1, 7, 512, 1400]
    for (const length of lengths) {
      const fields = { payload: Buffer.alloc(length, 3) }
      const sent = frameBetween(test, test.client, test.vip, fields)
      // Where the packet is cut, the kernel forgets the device's sum.
      const outcome = dataplane.run('tc_pod_ingress', sent, { checksumComplete: length === 0 })
      sentAs(t, outcome, answerTo(test, packetBetween(test, test.client, test.vip, fields), base), `${length} bytes`)
      t.same(checkPacket(outcome.frame), [], describeFully(outcome.frame))
    }
    t.equal(dataplane.reason(Reason.NO_ENDPOINTS) - before, BigInt(lengths.length), 'counted by reason')
    t.equal(dataplane.counters.sum(id)!.rejected - rejected, BigInt(lengths.length), 'and for the Service')
  })

  t.test(`${test.name}: a port of a clusterIP that no Service has refuses`, async t => {
    const before = dataplane.reason(Reason.NO_SUCH_PORT)
    const to = { ...test.vip, port: 81 }
    const outcome = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, to))
    sentAs(t, outcome, answerTo(test, packetBetween(test, test.client, to), base), 'port 81')
    t.equal(dataplane.reason(Reason.NO_SUCH_PORT) - before, 1n, 'counted')
  })

  t.test(`${test.name}: options and extension headers are quoted`, async t => {
    const fields =
      test.version === 4 ? { options: Buffer.alloc(12, 1) } : { extensions: [destinationOptions(Buffer.alloc(14))] }
    const outcome = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields))
    const length = test.version === 4 ? 32 : 56
    sentAs(t, outcome, answerTo(test, packetBetween(test, test.client, test.vip, fields), length), 'with options')
  })

  t.test(`${test.name}: a GSO packet is refused like any other`, async t => {
    const fields = { payload: Buffer.alloc(1400, 9) }
    const outcome = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields), {
      gsoSize: 700,
      gsoSegs: 2,
    })
    sentAs(t, outcome, answerTo(test, packetBetween(test, test.client, test.vip, fields), base), 'GSO')
  })

  t.test(`${test.name}: the first fragment is refused, later ones are dropped`, async t => {
    const [first, second] = fragments(
      packetBetween(test, test.client, test.vip, { payload: Buffer.alloc(2000) }),
      1200,
      77,
    )
    const length = test.version === 4 ? 20 : 48
    sentAs(t, dataplane.run('tc_pod_ingress', ethernet({}, first!)), answerTo(test, first!, length), 'the first')
    isDropped(t, dataplane.run('tc_pod_ingress', ethernet({}, second!)), 'the second')
  })

  t.test(`${test.name}: ICMP errors to a Service's address are never answered (RFC 1122 3.2.2)`, async t => {
    const quote = packetBetween(test, test.vip, test.client)
    for (const type of test.version === 4 ? [3, 4, 5, 11, 12] : [1, 2, 3, 4, 127]) {
      const message = (test.version === 4 ? icmp4 : icmp6)({ type, payload: quote })
      const packet = ipBetween(test.version, test.client.address, test.vip.address, message)
      isDropped(t, dataplane.run('tc_pod_ingress', ethernet({}, packet)), `type ${type}`)
      const [first] = fragments(packet, 24, 5)
      isDropped(t, dataplane.run('tc_pod_ingress', ethernet({}, first!)), `type ${type}, a first fragment`)
    }
  })

  t.test(`${test.name}: where another node may serve, nobody answers`, async t => {
    const vip = { ...test.vip, port: 90 }
    const service = addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [], drop: true })
    const before = dataplane.reason(Reason.NO_LOCAL_ENDPOINTS)
    isDropped(t, dataplane.run('tc_pod_ingress', frameBetween(test, test.client, vip)), 'policy Local')
    t.equal(dataplane.reason(Reason.NO_LOCAL_ENDPOINTS) - before, 1n, 'counted by reason')
    t.equal(dataplane.counters.sum(service.id)!.rejected, 1n, 'and for the Service')
  })
}
