// SPDX-License-Identifier: Apache-2.0
/** A packet for an address that is surely none of ours passes after one look; every address of ours is known by that look. */
import t from 'tap'
import { admit } from '../../agent/reconcile/known-addresses.ts'
import { addressBytes, addressText, mappedBytes } from '../packet/address.ts'
import { xorshift } from '../packet/random.ts'
import { CASES, type Case, frameBetween, TCP4, TCP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { destinationOf, tupleOf } from './tuples.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane({ knowsAddresses: true })
t.teardown(() => dataplane.close())

const ADDRESS: Readonly<Record<string, string>> = Object.fromEntries(
  CASES.map(({ name, version }, i) => [name, version === 4 ? `10.96.3.${i + 1}` : `fd96::3:${i + 1}`]),
)

for (const test of CASES)
  t.test(`${test.name}: an address counts from when it is admitted`, async t => {
    const vip = { ...test.vip, address: ADDRESS[test.name]! }
    addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [test.backend(1)] })
    const frame = frameBetween(test, test.client, vip)
    passesAs(t, dataplane.run('tc_pod_ingress', frame), frame, 'nobody has said that it is ours')
    admit(dataplane, mappedBytes(vip.address))
    t.same(destinationOf(dataplane.run('tc_pod_ingress', frame).frame), test.backend(1))
  })

/** A Service with one backend, which no other has. */
function lonely(test: Case, port: number) {
  const vip = { ...test.vip, port }
  const backend = test.backend(port)
  addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [backend] })
  admit(dataplane, mappedBytes(vip.address))
  return { client: test.client, vip, backend }
}

function bitsSet(): number {
  let count = 0
  for (const byte of dataplane.addresses.memory) for (let bits = byte; bits > 0; bits &= bits - 1) count++
  return count
}

/** Any at all. */
function someAddress(test: Case, below: (limit: number) => number): string {
  return addressText(Buffer.from(Array.from(addressBytes(test.vip.address), () => 1 + below(223))))
}

for (const test of [TCP4, TCP6])
  t.test(`${test.name}: agent and programs hash alike`, async t => {
    const { below } = xorshift(11)
    const before = bitsSet()
    const missed: Endpoint[] = []
    for (let n = 0; n < 2_000; n++) {
      const vip = { address: someAddress(test, below), port: 80 }
      addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [test.backend(1)] })
      admit(dataplane, mappedBytes(vip.address))
      const { frame } = dataplane.run('tc_pod_ingress', frameBetween(test, { ...test.client, port: 1_024 + n }, vip))
      if (destinationOf(frame).address !== test.backend(1).address) missed.push(vip)
    }
    t.same(missed, [], 'all of 2,000 are served')
    const looked = bitsSet()
    t.ok(looked > before + 1_990, `with ${looked - before} bits: hardly two share one`)
  })

for (const test of [TCP4, TCP6])
  t.test(`${test.name}: a connection to a backend itself, at the port of a live one through a Service`, async t => {
    const { client, vip, backend } = lonely(test, 81)
    const there = (to: Endpoint, flags: string) =>
      dataplane.run('tc_pod_ingress', frameBetween(test, client, to, { flags }), { checksumComplete: true })
    const back = (to: Endpoint, flags: string) =>
      dataplane.run('tc_pod_egress', frameBetween(test, backend, to, { flags }), { checksumComplete: true })
    there(vip, 'S')
    back(client, 'SA')
    there(vip, 'A')
    const { frame } = there(backend, 'S')
    const flow = dataplane.flows.lookup(tupleOf(test, client, backend))
    t.ok(flow && flow.sport !== client.port, `it has another port: ${flow?.sport}`)
    const masked = { ...client, port: flow!.sport }
    t.same(frame, frameBetween(test, masked, backend, { flags: 'S' }))
    passesAs(t, there(backend, 'S'), frame, 'a SYN that comes again has the same')
    passesAs(t, back(masked, 'SA'), frameBetween(test, backend, client, { flags: 'SA' }), 'its answer is its own')
    passesAs(t, there(backend, 'A'), frameBetween(test, masked, backend, { flags: 'A' }), 'and so it goes on')
    passesAs(t, back(client, 'A'), frameBetween(test, vip, client, { flags: 'A' }), 'the other has its replies')
    const other = { ...client, port: client.port + 1 }
    const direct = frameBetween(test, other, backend, { flags: 'S' })
    passesAs(t, dataplane.run('tc_pod_ingress', direct), direct, 'one at another port goes as it is')
  })

for (const test of [TCP4, TCP6])
  t.test(`${test.name}: a connection through a Service, at the port of a live one to the backend itself`, async t => {
    const { client, vip, backend } = lonely(test, 82)
    const there = (flags: string) =>
      dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags }), { checksumComplete: true }).frame
    const back = (to: Endpoint, flags: string) =>
      dataplane.run('tc_pod_egress', frameBetween(test, backend, to, { flags }), { checksumComplete: true })
    t.same(there('S'), frameBetween(test, client, backend, { flags: 'S' }))
    const challenge = frameBetween(test, backend, client, { flags: 'A' })
    passesAs(t, back(client, 'A'), challenge, 'the backend has such a connection: its client gets what is for it')
    passesAs(t, back(client, 'PA'), frameBetween(test, backend, client, { flags: 'PA' }), 'and all that follows')
    const again = there('S')
    const flow = dataplane.flows.lookup(tupleOf(test, client, vip))
    t.ok(flow && flow.sport !== client.port, `the SYN that comes again has another port: ${flow?.sport}`)
    const masked = { ...client, port: flow!.sport }
    t.same(again, frameBetween(test, masked, backend, { flags: 'S' }))
    passesAs(t, back(masked, 'SA'), frameBetween(test, vip, client, { flags: 'SA' }), 'and is answered')
    passesAs(t, back(client, 'A'), challenge, 'the other one goes on')
  })
