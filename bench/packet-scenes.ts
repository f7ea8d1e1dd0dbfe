// SPDX-License-Identifier: Apache-2.0
/** Packets at the tc programs, to be timed: a dataplane with what it takes, and the frames. */

import { FlowState } from '../agent/kernel/layout.gen.ts'
import { admit } from '../agent/reconcile/known-addresses.ts'
import { openedFlows, spareRings } from '../agent/reconcile/rings.ts'
import { type Case, frameBetween, ipBetween, packetBetween, TCP4, UDP4 } from '../test/bpf/cases.ts'
import { type Dataplane, type Program, VERDICT } from '../test/bpf/harness.ts'
import { addService, type Endpoint } from '../test/bpf/services.ts'
import { ethernet } from '../test/packet/ethernet.ts'
import { fragments } from '../test/packet/fragments.ts'
import { icmp4 } from '../test/packet/icmp4.ts'

export interface Scene {
  readonly name: string
  readonly programFd: number
  /** Of the next run. */
  readonly frame: () => Buffer
  /** After each turn. */
  readonly tidy?: () => void
}

function scene(dataplane: Dataplane, name: string, program: Program, frames: readonly Buffer[]): Scene {
  let next = 0
  return { name, programFd: dataplane.programs[program], frame: () => frames[next++ % frames.length]! }
}

/** From here on every packet of the connection is one of an established flow. */
function open(dataplane: Dataplane, test: Case, vip: Endpoint, backend: Endpoint): void {
  const there = (flags: string) => must(dataplane, 'tc_pod_ingress', frameBetween(test, test.client, vip, { flags }))
  there('S')
  must(dataplane, 'tc_pod_egress', frameBetween(test, backend, test.client, { flags: 'SA' }))
  there('A')
}

function must(dataplane: Dataplane, program: Program, frame: Buffer): void {
  const { verdict } = dataplane.run(program, frame)
  if (verdict !== VERDICT.PASS) throw new Error(`${program}: verdict ${verdict} on ${frame.toString('hex')}`)
}

export function stranger(dataplane: Dataplane): Scene {
  const frame = frameBetween(TCP4, TCP4.client, TCP4.stranger, { flags: 'A' })
  return scene(dataplane, 'TCP over IPv4, for no Service', 'tc_pod_ingress', [frame])
}

/** A flow whose packets come out as they went in, so that a run can follow the run before: the backend is the Service's address. */
export function unchanged(dataplane: Dataplane, test: Case): readonly [there: Scene, back: Scene] {
  const vip = { ...test.vip, port: 8080 }
  addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [vip] })
  open(dataplane, test, vip, vip)
  return bothWays(dataplane, test, vip, vip)
}

export function established(dataplane: Dataplane, test: Case): readonly [there: Scene, back: Scene] {
  const backend = test.backend(1)
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [backend] })
  open(dataplane, test, test.vip, backend)
  return bothWays(dataplane, test, test.vip, backend)
}

function bothWays(dataplane: Dataplane, test: Case, vip: Endpoint, backend: Endpoint): readonly [Scene, Scene] {
  const there = frameBetween(test, test.client, vip, { flags: 'A' })
  const back = frameBetween(test, backend, test.client, { flags: 'A' })
  return [
    scene(dataplane, `${test.name}, established, to the Service`, 'tc_pod_ingress', [there]),
    scene(dataplane, `${test.name}, established, reply`, 'tc_pod_egress', [back]),
  ]
}

/** Takes up the flows of established(UDP4). */
export function fragmented(dataplane: Dataplane): readonly Scene[] {
  const payload = Buffer.alloc(1_500, 7)
  const packet = packetBetween(UDP4, UDP4.client, UDP4.vip, { payload })
  const frames = fragments(packet, 1_000, 77).map(piece => ethernet({}, piece))
  for (const frame of frames) must(dataplane, 'tc_pod_ingress', frame)
  return ['first', 'later'].map((which, i) =>
    scene(dataplane, `${UDP4.name}, ${which} fragment`, 'tc_pod_ingress', [frames[i]!]),
  )
}

/** A router's answer to a packet that the backend got: port unreachable. Takes up the flow of established(UDP4). */
export function icmpError(dataplane: Dataplane): Scene {
  const quote = packetBetween(UDP4, UDP4.client, UDP4.backend(1)).subarray(0, 28)
  const message = icmp4({ type: 3, code: 3, rest: 0, payload: quote })
  const frame = ethernet({}, ipBetween(4, UDP4.backend(1).address, UDP4.client.address, message))
  return scene(dataplane, 'ICMP error about UDP over IPv4', 'tc_pod_egress', [frame])
}

/** First packets of as many clients. */
export function newClients(test: Case, vip: Endpoint, fields: Parameters<typeof frameBetween>[3] = {}): Buffer[] {
  const [head] = test.client.address.split(/\d+$/)
  return Array.from({ length: 65_536 }, (_, n) => {
    const address = `${head}${1 + (n >> 12)}`
    return frameBetween(test, { address, port: 1_024 + ((n * 7) % 60_000) }, vip, fields)
  })
}

/** As the agent does it with flows whose time is over; all others here are assured. */
export function sweepOpening(dataplane: Pick<Dataplane, 'flows' | 'rings' | 'ringSlots'>): void {
  const { flows } = dataplane
  const opened = openedFlows(dataplane)
  flows.deleteMany([...flows.entries()].filter(([, { state }]) => state === FlowState.OPENING).map(([key]) => key))
  spareRings(dataplane, opened, 0)
}

/** Every run is a new client's. */
export function opening(dataplane: Dataplane, affinity: number): Scene {
  const vip = { address: `10.96.1.${affinity === 0 ? 1 : 2}`, port: 80 }
  const backends = Array.from({ length: 10 }, (_, n) => TCP4.backend(n + 1))
  addService(dataplane, { frontends: [{ ...vip, proto: TCP4.proto }], backends, affinity })
  const what = affinity === 0 ? 'first packet of a flow' : 'first packet of a flow, ClientIP affinity'
  const made = scene(dataplane, `TCP over IPv4, ${what}`, 'tc_pod_ingress', newClients(TCP4, vip))
  return { ...made, tidy: () => sweepOpening(dataplane) }
}

/** What an agent would have said of the addresses that are there: to programs all others are strangers'. */
export function learnAddresses(dataplane: Pick<Dataplane, 'addresses' | 'frontends' | 'nodeAddrs'>): void {
  dataplane.addresses.memory.fill(0)
  for (const [{ addr }] of dataplane.frontends.entries()) admit(dataplane, addr)
  for (const [addr] of dataplane.nodeAddrs.entries()) admit(dataplane, addr)
}

/** So many established flows, met in an order that no cache foresees. */
export function crowd(dataplane: Dataplane, flows: number): Scene {
  const vip = { address: '10.96.2.1', port: 80 }
  addService(dataplane, { frontends: [{ ...vip, proto: TCP4.proto }], backends: [TCP4.backend(9)] })
  const frames = Array.from({ length: flows }, (_, n) => {
    const client = { address: `10.1.${n >> 8}.${n & 255}`, port: 40_000 }
    for (const flags of ['S', 'A']) must(dataplane, 'tc_pod_ingress', frameBetween(TCP4, client, vip, { flags }))
    must(dataplane, 'tc_pod_egress', frameBetween(TCP4, TCP4.backend(9), client, { flags: 'SA' }))
    return frameBetween(TCP4, client, vip, { flags: 'A' })
  })
  // 40,503 is coprime to every size: a stride through all of them.
  const order = Array.from({ length: flows }, (_, n) => frames[(n * 40_503) % flows]!)
  return scene(dataplane, `TCP over IPv4, one of ${flows} flows`, 'tc_pod_ingress', order)
}
