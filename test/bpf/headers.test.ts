// SPDX-License-Identifier: Apache-2.0
/** IPv4 options, IPv6 extension headers and VLAN tags stay as they are while the packet inside is translated. */
import t, { type Test } from 'tap'
import { authentication, destinationOptions, hopByHop, routing } from '../packet/extension.ts'
import { ETHERTYPE } from '../packet/protocol.ts'
import { CASES, type Case, type FrameFields, frameBetween, ipBetween, TCP4, TCP6, UDP4, UDP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())
for (const test of CASES) {
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
}

function translates(t: Test, test: Case, fields: FrameFields, what: string): void {
  const options = { checksumComplete: true }
  const there = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields), options)
  passesAs(t, there, frameBetween(test, test.client, test.backend(1), fields), `${what} there`)
  const back = dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), test.client, fields), options)
  passesAs(t, back, frameBetween(test, test.vip, test.client, fields), `${what} back`)
}

function isUntouched(t: Test, frame: Buffer, what: string): void {
  passesAs(t, dataplane.run('tc_pod_ingress', frame), frame, what)
}

t.test('IPv4 options of every length', async t => {
  for (const test of [TCP4, UDP4]) {
    for (let length = 4; length <= 40; length += 4) {
      // No-operation options, then a timestamp option as far as there is room (RFC 791 3.1).
      const options = Buffer.concat([Buffer.alloc(length - 4, 1), Buffer.from([68, 4, 5, 0])])
      translates(t, test, { options }, `${test.name}, ${length} bytes of options`)
    }
  }
})

t.test('IPv6 extension headers, alone and in rows', async t => {
  const chains = {
    'hop-by-hop': [hopByHop()],
    'destination options': [destinationOptions(Buffer.alloc(22, 0))],
    'routing, nothing left': [routing(2, 0, ['fd00::7'])],
    'three headers': [hopByHop(), routing(4, 0, ['fd00::7', 'fd00::8']), destinationOptions()],
    'seven headers': Array.from({ length: 7 }, () => destinationOptions()),
  }
  for (const test of [TCP6, UDP6]) {
    for (const [what, extensions] of Object.entries(chains))
      translates(t, test, { extensions }, `${test.name}, ${what}`)
  }
})

t.test('a routing header with segments left leads elsewhere: not ours', async t => {
  for (const type of [2, 4]) {
    const extensions = [routing(type, 1, ['fd00::7'])]
    isUntouched(t, frameBetween(TCP6, TCP6.client, TCP6.vip, { extensions }), `routing type ${type}`)
  }
})

t.test('VLAN tags in the data', async t => {
  for (const test of CASES) {
    translates(t, test, { tags: [100] }, `${test.name}, one tag`)
    translates(t, test, { tags: [{ type: ETHERTYPE.QINQ, tci: 0x6005 }, 0xffff] }, `${test.name}, two tags`)
    isUntouched(t, frameBetween(test, test.client, test.vip, { tags: [1, 2, 3] }), `${test.name}, three tags`)
  }
})

t.test('what is not for a Service passes untouched', async t => {
  for (const test of CASES) isUntouched(t, frameBetween(test, test.client, test.stranger), test.name)
  isUntouched(
    t,
    frameBetween(TCP6, TCP6.client, TCP6.stranger, { extensions: [authentication()] }),
    'authentication header',
  )
  const gre = ipBetween(4, '10.0.1.5', '192.0.2.7', { proto: 47, encode: () => Buffer.alloc(24) })
  isUntouched(t, Buffer.concat([frameBetween(TCP4, TCP4.client, TCP4.vip).subarray(0, 14), gre]), 'GRE')
  isUntouched(t, frameBetween(TCP4, TCP4.client, TCP4.vip, { type: ETHERTYPE.ARP }), 'the same bytes as ARP')
  isUntouched(t, frameBetween(TCP4, TCP4.client, TCP4.vip, { type: ETHERTYPE.IPV6 }), 'IPv4 under the type of IPv6')
})
