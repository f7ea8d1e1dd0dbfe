// SPDX-License-Identifier: Apache-2.0
/** A packet to a Service goes to a backend, and the reply carries the Service's name: nothing else in either changes. */
import t, { type Test } from 'tap'
import { CASES, type Case, frameBetween, SCTP4, SCTP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of [...CASES, SCTP4, SCTP6]) {
  t.test(test.name, async t => {
    addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
    roundTrip(t, test, test.backend(1).port)
  })
}

for (const test of [SCTP4, SCTP6]) {
  t.test(`${test.name}, on the same port`, async t => {
    const vip = { ...test.vip, port: 81 }
    const backend = { ...test.backend(1), port: vip.port }
    addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [backend] })
    roundTrip(t, { ...test, vip }, backend.port)
  })

  t.test(`${test.name}: a wrong checksum is wrong by as much afterwards`, async t => {
    const there = (to: Endpoint) => {
      const frame = frameBetween(test, test.client, to, { payload: Buffer.alloc(100, 0xa5) })
      const at = frame.length - 100 - 4
      frame.writeUInt32BE((frame.readUInt32BE(at) ^ 0x01020304) >>> 0, at)
      return frame
    }
    passesAs(t, dataplane.run('tc_pod_ingress', there(test.vip)), there(test.backend(1)), 'there')
  })
}

function roundTrip(t: Test, test: Case, port: number): void {
  const backend = { ...test.backend(1), port }
  for (const length of [0, 1, 2, 3, 5, 64, 127, 1024, 1399, 1400]) {
    const fields = { payload: Buffer.alloc(length, 0xa5), ttl: 1 + (length % 255), tos: length & 255, id: length }
    const what = `${length} bytes`
    const there = dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, fields), {
      checksumComplete: true,
    })
    passesAs(t, there, frameBetween(test, test.client, backend, fields), `${what} there`)
    const reply = { ...fields, flags: 'SA' }
    const back = dataplane.run('tc_pod_egress', frameBetween(test, backend, test.client, reply), {
      checksumComplete: true,
    })
    passesAs(t, back, frameBetween(test, test.vip, test.client, reply), `${what} back`)
  }
}
