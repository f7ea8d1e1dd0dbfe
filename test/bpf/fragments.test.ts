// SPDX-License-Identifier: Apache-2.0
/** Fragments follow their first one. Without it they are dropped when they are for a Service, and pass untouched when they are not. */
import t from 'tap'
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { checkPacket } from '../packet/check.ts'
import { describeFully } from '../packet/describe.ts'
import { ethernet } from '../packet/ethernet.ts'
import { fragmentHeader } from '../packet/extension.ts'
import { fragments, reassemble } from '../packet/fragments.ts'
import { parse } from '../packet/packet.ts'
import { CASES, type Case, frameBetween, packetBetween, SCTP4, SCTP6, TCP6, UDP6 } from './cases.ts'
import { loadDataplane, type Program, VERDICT } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { isDropped, passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())
for (const test of CASES) {
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
}

const PAYLOAD = Buffer.from(Uint8Array.from({ length: 3001 }, (_, i) => i * 7))

let nextId = 100

/** A datagram of 3,001 bytes in frames of 1,000. */
function pieces(test: Case, from: Endpoint, to: Endpoint, id: number): Buffer[] {
  return fragments(packetBetween(test, from, to, { payload: PAYLOAD }), 1000, id).map(piece => ethernet({}, piece))
}

for (const test of CASES) {
  t.test(`${test.name}: all fragments are translated and come together to the datagram, both ways`, async t => {
    const ways: readonly [Program, [Endpoint, Endpoint], [Endpoint, Endpoint]][] = [
      ['tc_pod_ingress', [test.client, test.vip], [test.client, test.backend(1)]],
      ['tc_pod_egress', [test.backend(1), test.client], [test.vip, test.client]],
    ]
    for (const [program, sent, expected] of ways) {
      const id = nextId++
      const outcomes = pieces(test, ...sent, id).map(frame => dataplane.run(program, frame, { checksumComplete: true }))
      const wanted = pieces(test, ...expected, id)
      for (const [i, outcome] of outcomes.entries()) passesAs(t, outcome, wanted[i]!, `${program}, fragment ${i}`)
      const whole = ethernet({}, reassemble(outcomes.map(({ frame }) => parse(frame)!.ethernet.payload)))
      t.same(checkPacket(whole), [], describeFully(whole))
    }
  })

  t.test(`${test.name}: later fragments may come in any order and twice, once the first was there`, async t => {
    const id = nextId++
    const sent = pieces(test, test.client, test.vip, id)
    const wanted = pieces(test, test.client, test.backend(1), id)
    for (const i of [0, 3, 2, 2, 1]) passesAs(t, dataplane.run('tc_pod_ingress', sent[i]!), wanted[i]!, `fragment ${i}`)
  })

  t.test(`${test.name}: a later fragment before the first is dropped and counted when it is for a Service`, async t => {
    const [first, second] = pieces(test, test.client, test.vip, nextId++)
    const before = dataplane.reason(Reason.FRAGMENT_UNKNOWN)
    isDropped(t, dataplane.run('tc_pod_ingress', second!), 'the second alone')
    t.equal(dataplane.reason(Reason.FRAGMENT_UNKNOWN), before + 1n, 'counted')
    t.equal(dataplane.run('tc_pod_ingress', first!).verdict, VERDICT.PASS)
    t.equal(dataplane.run('tc_pod_ingress', second!).verdict, VERDICT.PASS, 'and goes on after the first')
  })

  t.test(`${test.name}: fragments that are for no Service pass untouched, in any order`, async t => {
    const sent = pieces(test, test.client, test.stranger, nextId++).toReversed()
    for (const frame of sent) passesAs(t, dataplane.run('tc_pod_ingress', frame), frame, 'from the pod')
    const back = pieces(test, test.stranger, test.client, nextId++).toReversed()
    for (const frame of back) passesAs(t, dataplane.run('tc_pod_egress', frame), frame, 'to the pod')
  })

  t.test(`${test.name}: an id is of one sender and one protocol`, async t => {
    const id = nextId++
    const another = CASES.find(({ version, proto }) => version === test.version && proto !== test.proto)!
    const others = [
      { what: 'another datagram', test, client: test.client, id: nextId++ },
      { what: 'another sender', test, client: { ...test.client, address: test.backend(9).address }, id },
      { what: 'another protocol', test: another, client: test.client, id },
    ]
    // All have flows, so that it is the id alone which tells.
    for (const other of others) dataplane.run('tc_pod_ingress', frameBetween(other.test, other.client, test.vip))
    dataplane.run('tc_pod_ingress', pieces(test, test.client, test.vip, id)[0]!)
    for (const other of others) {
      const second = pieces(other.test, other.client, test.vip, other.id)[1]!
      isDropped(t, dataplane.run('tc_pod_ingress', second), other.what)
    }
  })
}

t.test('an IPv6 fragment header on a whole datagram (RFC 6946) is no hindrance', async t => {
  for (const test of [TCP6, UDP6]) {
    const extensions = [fragmentHeader({ id: nextId++, offset: 0, more: false })]
    const outcome = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, { extensions }))
    passesAs(t, outcome, frameBetween(test, test.client, test.backend(1), { extensions }), test.name)
  }
})

for (const test of [SCTP4, SCTP6])
  t.test(
    `${test.name}: fragments whose ports would change are dropped, for the checksum covers what is not in them`,
    async t => {
      const vip = { ...test.vip, port: 82 }
      const same = { ...test.backend(1), port: vip.port }
      addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
      addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [same] })
      const before = dataplane.reason(Reason.SCTP_FRAGMENT)
      const [first] = pieces(test, test.client, test.vip, nextId++)
      isDropped(t, dataplane.run('tc_pod_ingress', first!), 'another port')
      t.equal(dataplane.reason(Reason.SCTP_FRAGMENT), before + 1n, 'counted')
      const id = nextId++
      const wanted = pieces(test, test.client, same, id)
      for (const [i, frame] of pieces(test, test.client, vip, id).entries())
        passesAs(t, dataplane.run('tc_pod_ingress', frame), wanted[i]!, `the same port, fragment ${i}`)
    },
  )
