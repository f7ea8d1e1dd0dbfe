// SPDX-License-Identifier: Apache-2.0
/** A packet to a Service goes to a backend, and the reply carries the Service's name: nothing else in either changes. */
import t, { type Test } from 'tap'
import { CASES, type Case, frameBetween, SCTP4, SCTP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of CASES) {
  t.test(test.name, async t => {
    addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
    roundTrip(t, test, test.backend(1).port)
  })
}

for (const test of [SCTP4, SCTP6]) {
  t.test(`${test.name}, on the same port`, async t => {
    const backend = { ...test.backend(1), port: test.vip.port }
    addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [backend] })
    roundTrip(t, test, backend.port)
  })
}

function roundTrip(t: Test, test: Case, port: number): void {
  const backend = { ...test.backend(1), port }
  for (const length of [0, 1, 2, 3, 5, 64, 1399, 1400]) {
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
