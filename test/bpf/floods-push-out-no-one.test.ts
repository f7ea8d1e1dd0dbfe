// SPDX-License-Identifier: Apache-2.0
/** A flood from forged addresses pushes no connection out of ek_flows, and new clients are served while it lasts. */
import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { FlowFlag, type Tuple } from '../../agent/kernel/layout.gen.ts'
import { openedFlows, spareRings } from '../../agent/reconcile/rings.ts'
import { type Case, frameBetween, TCP4, TCP6, UDP4, UDP6 } from './cases.ts'
import { type Dataplane, loadDataplane, VERDICT } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { backendOf, destinationOf, flowOf, tupleOf } from './tuples.ts'

/** Entries; each connection has two. */
const FLOWS = 4096
const CONNECTIONS = 600
const FLOOD = 10_000
/** Of all CPUs together. */
const OPENING = 512

const BACKENDS = [11, 12, 13, 14, 15]

function backends({ vip }: Case): Endpoint[] {
  return BACKENDS.map(host => ({
    address: vip.address.includes(':') ? `fd00:244::${host}` : `10.244.0.${host}`,
    port: 8080,
  }))
}

const send = (dataplane: Dataplane, test: Case, client: Endpoint, flags: string) =>
  dataplane.run('tc_pod_ingress', frameBetween(test, client, test.vip, { flags }))

const answer = (dataplane: Dataplane, test: Case, backend: Endpoint, client: Endpoint) =>
  dataplane.run('tc_pod_egress', frameBetween(test, backend, client, { flags: 'SA' }))

/** For UDP the flags mean nothing. */
function shakeHands(dataplane: Dataplane, test: Case, client: Endpoint): void {
  const { frame } = send(dataplane, test, client, 'S')
  answer(dataplane, test, destinationOf(frame), client)
  send(dataplane, test, client, 'A')
}

/** From as many addresses as packets: 198.18.0.0/15 (RFC 2544), 2001:db8::/32. */
function flood(dataplane: Dataplane, test: Case, packets: number, first = 0): void {
  for (let i = first; i < first + packets; i++) {
    const address = test.client.address.includes(':')
      ? `2001:db8::${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}`
      : `198.18.${(i >> 8) & 0xff}.${i & 0xff}`
    send(dataplane, test, { address, port: 1024 + (i % 60_000) }, 'S')
  }
}

function clients(test: Case, count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => ({ ...test.client, port: 1024 + i }))
}

/** Those whose backend is another one now, or that are gone. */
function lost(dataplane: Dataplane, test: Case, before: ReadonlyMap<Endpoint, Endpoint>): number {
  return [...before].filter(([client, { address }]) => {
    const flow = dataplane.flows.lookup(tupleOf(test, client, test.vip))
    return flow === undefined || backendOf(flow).address !== address
  }).length
}

function connected(dataplane: Dataplane, test: Case): Map<Endpoint, Endpoint> {
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: backends(test) })
  const all = clients(test, CONNECTIONS)
  for (const client of all) shakeHands(dataplane, test, client)
  return new Map(all.map(client => [client, backendOf(flowOf(dataplane, test, client)!)]))
}

function loaded(t: Test, opening: number): Dataplane {
  const dataplane = loadDataplane({ flows: FLOWS, opening: Math.floor(opening / bridge.possibleCpus()) })
  t.teardown(() => dataplane.close())
  return dataplane
}

for (const test of [TCP4, TCP6, UDP4, UDP6]) {
  t.test(`${test.name}: idle connections stay`, async t => {
    const dataplane = loaded(t, OPENING)
    const before = connected(dataplane, test)
    flood(dataplane, test, FLOOD)
    t.equal(lost(dataplane, test, before), 0, `${CONNECTIONS} connections, ${FLOOD} forged packets: lost 0`)
    const entries = [...dataplane.flows.entries()]
    const open = entries.filter(([, { flags }]) => !(flags & FlowFlag.ASSURED)).length
    t.ok(open <= 2 * OPENING, `${open} entries of ${OPENING} flows at most are not assured`)
    t.equal(entries.length - open, 2 * CONNECTIONS, 'both entries of every connection are there')
  })
}

t.test('a client that comes in the middle of it is served', async t => {
  const dataplane = loaded(t, OPENING)
  connected(dataplane, TCP4)
  for (let i = 0; i < 50; i++) {
    const client = { address: '192.0.2.7', port: 2000 + i }
    const between = (part: number) => flood(dataplane, TCP4, 100, (i * 4 + part) * 100)
    between(0)
    const backend = destinationOf(send(dataplane, TCP4, client, 'S').frame)
    between(1)
    const { frame } = answer(dataplane, TCP4, backend, client)
    if (i === 0)
      t.equal(
        [...frame.subarray(26, 30)].join('.'),
        TCP4.vip.address,
        'the answer comes from the address that was dialled',
      )
    between(2)
    send(dataplane, TCP4, client, 'A')
    between(3)
    if (backendOf(flowOf(dataplane, TCP4, client)!).address !== backend.address) t.fail(`connection ${i} moved`)
  }
  flood(dataplane, TCP4, FLOOD)
  const there = clients({ ...TCP4, client: { address: '192.0.2.7', port: 0 } }, 50).map((client, i) => ({
    ...client,
    port: 2000 + i,
  }))
  t.equal(there.filter(client => flowOf(dataplane, TCP4, client)).length, 50, 'and is not pushed out later')
})

t.test('without the ring the same flood fills the table', async t => {
  const dataplane = loaded(t, 0)
  const before = connected(dataplane, TCP4)
  flood(dataplane, TCP4, FLOOD)
  t.equal(lost(dataplane, TCP4, before), 0)
  const client = { address: '192.0.2.7', port: 2000 }
  t.equal(send(dataplane, TCP4, client, 'S').verdict, VERDICT.SHOT, 'and the next client is turned away')
})

/** Of the entries for replies: each flow has one. */
function unassured({ flows }: Dataplane): Tuple[] {
  const either = FlowFlag.REPLY | FlowFlag.ASSURED
  return [...flows.entries()].filter(([, { flags }]) => (flags & either) === FlowFlag.REPLY).map(([key]) => key)
}

t.test('where few are in the way, some are opened without a look at the oldest', async t => {
  // All on one CPU, in one ring.
  execFileSync('taskset', ['-cp', '0', String(process.pid)])
  const dataplane = loaded(t, OPENING)
  const slots = dataplane.ringSlots
  const before = connected(dataplane, TCP4)
  // Both counts go through 2^32 while some are spared.
  for (let cpu = 0; cpu < bridge.possibleCpus(); cpu++)
    dataplane.rings.write(cpu, { opened: 2 ** 32 - 3 * slots - 10, clearFrom: 10 * slots })
  let packets = 0
  const burst = (count: number) => {
    flood(dataplane, TCP4, count, packets)
    packets += count
  }
  burst(2 * slots)
  t.equal(unassured(dataplane).length, slots, 'a count that is far off spares nobody')
  dataplane.flows.deleteMany(unassured(dataplane))

  const quarter = Math.floor(slots / 4)
  burst(quarter)
  const oldest = unassured(dataplane)
  burst(slots - quarter)
  const kept = new Set(oldest.map(key => key.dport))
  dataplane.flows.deleteMany(unassured(dataplane).filter(({ dport }) => !kept.has(dport)))
  /** As an agent that has swept. */
  const look = () => spareRings(dataplane, openedFlows(dataplane), unassured(dataplane).length)
  look()
  burst(FLOOD)
  t.equal(unassured(dataplane).length, slots + oldest.length, 'those that stood in the way stay, and no others')
  for (let i = 0; i < 10; i++) {
    look()
    burst(FLOOD / 10)
    const { length } = unassured(dataplane)
    if (length > slots * 1.5) t.fail(`${length} flows are not assured, of ${slots * 1.5} at most`)
  }
  t.equal(lost(dataplane, TCP4, before), 0, 'and none is lost that is assured')
})

t.test('ICMP answers are limited', async t => {
  const dataplane = loadDataplane({ icmp: 10 })
  t.teardown(() => dataplane.close())
  addService(dataplane, { frontends: [{ ...UDP4.vip, proto: UDP4.proto }], backends: [] })
  const verdicts = clients(UDP4, 500).map(client => send(dataplane, UDP4, client, '').verdict)
  const answered = verdicts.filter(verdict => verdict === VERDICT.REDIRECT).length
  const most = 10 * bridge.possibleCpus() * 2
  t.ok(answered >= 10 && answered <= most, `${answered} of 500 were answered: 10 a CPU, in one second or two`)
  t.equal(verdicts.filter(verdict => verdict === VERDICT.SHOT).length, 500 - answered, 'and the others dropped')
})
