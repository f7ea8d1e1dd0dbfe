// SPDX-License-Identifier: Apache-2.0
/** A checksum is updated, never made: none stays none, a wrong one stays wrong by as much, and a computed zero is sent as ffff. */
import t from 'tap'
import { transportResidue } from '../packet/check.ts'
import { describeFully } from '../packet/describe.ts'
import { parse } from '../packet/packet.ts'
import { CASES, type Case, type FrameFields, frameBetween, UDP4, UDP6 } from './cases.ts'
import { loadDataplane, type Outcome } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())
for (const test of CASES) {
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
}

function there(test: Case, fields: FrameFields): Outcome {
  return dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields))
}

// IPv6 forbids it but for tunnels (RFC 6936), which know what they do.
for (const test of [UDP4, UDP6]) {
  t.test(`${test.name} without a checksum stays without one, both ways`, async t => {
    const fields = { checksum: 0 }
    const sent = frameBetween(test, test.client, test.vip, fields)
    const there = dataplane.run('tc_pod_ingress', sent, { checksumComplete: true })
    passesAs(t, there, frameBetween(test, test.client, test.backend(1), fields), 'there')
    const answer = frameBetween(test, test.backend(1), test.client, fields)
    const back = dataplane.run('tc_pod_egress', answer, { checksumComplete: true })
    passesAs(t, back, frameBetween(test, test.vip, test.client, fields), 'back')
  })
}

for (const test of CASES) {
  t.test(`${test.name}: a wrong checksum stays wrong by as much`, async t => {
    for (const checksum of [1, 0x1234, 0x7fff, 0xfffe]) {
      const frame = frameBetween(test, test.client, test.vip, { checksum })
      const before = transportResidue(parse(frame)!.ip!)
      const { frame: out } = there(test, { checksum })
      t.not(before, 0, 'it was wrong')
      t.equal(transportResidue(parse(out)!.ip!), before, describeFully(out))
      t.same(parse(out)!.ip!.dst, parse(frameBetween(test, test.client, test.backend(1)))!.ip!.dst, 'and translated')
    }
  })
}

for (const test of [UDP4, UDP6]) {
  t.test(`${test.name}: a checksum that comes to zero is sent as ffff (RFC 768)`, async t => {
    const payload = payloadFor(test, 0xffff)
    passesAs(t, there(test, { payload }), frameBetween(test, test.client, test.backend(1), { payload }), 'there')
  })
}

/** Such that the packet to the backend has this checksum. */
function payloadFor(test: Case, wanted: number): Buffer {
  const payload = Buffer.alloc(4)
  for (let n = 0; n < 0x10000; n++) {
    payload.writeUInt16BE(n, 2)
    const { transport } = parse(frameBetween(test, test.client, test.backend(1), { payload }))!
    if (transport?.checksum === wanted) return payload
  }
  throw new Error(`no payload gives checksum ${wanted}`)
}
