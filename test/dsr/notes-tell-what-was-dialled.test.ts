// SPDX-License-Identifier: Apache-2.0
/**
 * Packet by packet: the node that was dialled puts a note into what the backend's node has to know, and steps aside to its own
 * name where there is no room; the backend's node takes the note out, answers in that name, and believes only what it serves.
 */
import t, { type Test } from 'tap'
import { listDevices } from '../../agent/kernel/devices.ts'
import { FlowFlag, FlowState, Reason, Scope, Xdp } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, type FrameFields, frameBetween, TCP4, TCP6 } from '../bpf/cases.ts'
import { loadDataplane, type Outcome, VERDICT } from '../bpf/harness.ts'
import { addService, type Endpoint } from '../bpf/services.ts'
import { flowOf } from '../bpf/tuples.ts'
import { isDropped, passesAs } from '../bpf/verdicts.ts'
import { mappedBytes } from '../packet/address.ts'
import { describeFully } from '../packet/describe.ts'
import { PROTO } from '../packet/protocol.ts'
import { inOwnNetwork, run } from '../uplink/own-network.ts'
import { FIN, noted } from './note.ts'

/** Of the loopback device, where frames of test runs come in: others are for other hosts. */
const TO_US = { dst: '00:00:00:00:00:00' } as const
const NODE = { 4: '10.0.0.1', 6: 'fd00::1' } as const
/** Another node, on the uplink's link; and an address that is behind a router. */
const NEIGHBOUR = { 4: '10.0.0.2', 6: 'fd00::2' } as const
const FAR = { 4: '198.51.100.1', 6: '2001:db8:51::1' } as const
const ANY = { 4: '0.0.0.0', 6: '::' } as const
const ELSEWHERE = 2
const HERE = 77
const ALSO_HERE = 78

function makeNetwork(): void {
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'far0')
  run('ip', 'link', 'add', 'pod0', 'type', 'veth', 'peer', 'name', 'eth0')
  for (const device of ['far0', 'up0', 'eth0', 'pod0']) run('ip', 'link', 'set', device, 'up')
  run('ip', 'addr', 'add', `${NODE[4]}/24`, 'dev', 'up0')
  run('ip', 'addr', 'add', `${NODE[6]}/64`, 'dev', 'up0', 'nodad')
  run('ip', 'route', 'add', 'default', 'via', '10.0.0.254')
  run('ip', 'route', 'add', '::/0', 'via', 'fd00::fe')
  for (const { backend } of [TCP4, TCP6])
    for (const n of [HERE, ALSO_HERE]) run('ip', 'route', 'add', backend(n).address, 'dev', 'pod0')
  run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
}

if (inOwnNetwork(import.meta.filename)) {
  makeNetwork()
  prove()
}

function prove(): void {
  const dataplane = loadDataplane({ object: 'uplink', flows: 65_536 })
  t.teardown(() => dataplane.close())
  const up0 = listDevices().find(({ name }) => name === 'up0')!.ifindex
  const names = { ipv4: mappedBytes(NODE[4]), ipv6: mappedBytes(NODE[6]) }
  dataplane.uplinks.update(up0, { ...names, mac: Buffer.alloc(6), xdp: Xdp.OFF, error: 0 })
  let port = 20_000

  /** A client's socket that nobody had before. */
  const newClient = ({ client }: Case): Endpoint => ({ ...client, port: port++ })
  const enter = (frame: Buffer, options: object = {}): Outcome =>
    dataplane.run('tc_uplink_ingress', frame, { checksumComplete: true, ...options })
  const leave = (frame: Buffer): Outcome => dataplane.run('tc_uplink_egress', frame, { checksumComplete: true })
  const plain = (test: Case, from: Endpoint, to: Endpoint, fields: FrameFields = {}) =>
    frameBetween(test, from, to, { ...TO_US, ...fields })
  const told = (
    test: Case,
    from: Endpoint,
    to: Endpoint,
    dialled: Endpoint,
    fields: FrameFields & { note?: number } = {},
  ) => noted(test, from, to, dialled, { ...TO_US, ...fields })
  function forwards(t: Test, outcome: Outcome, expected: Buffer, what: string): void {
    t.equal(describeFully(outcome.frame), describeFully(expected), what)
    t.equal(outcome.verdict, VERDICT.REDIRECT, `${what}: sent on`)
  }
  function serve(test: Case, address: string, port: number, dsr = true): Endpoint {
    const frontends = [{ address, port, proto: test.proto, scope: Scope.EXTERNAL }]
    addService(dataplane, { frontends, backends: [test.backend(ELSEWHERE)], dsr })
    return { address, port }
  }

  for (const test of CASES) {
    const tcp = test.proto === PROTO.TCP
    const backend = test.backend(ELSEWHERE)
    const here = test.backend(HERE)
    const self = (port: number) => ({ address: NODE[test.version], port })

    t.test(`${test.name}: the node that was dialled`, async t => {
      const vip = serve(test, test.vip.address, 80)
      const client = newClient(test)
      const there = (fields: FrameFields) => enter(plain(test, client, vip, fields))
      const ttl = 63
      forwards(t, there({ flags: 'S' }), told(test, client, backend, vip, { flags: 'S', ttl }), 'the first')
      forwards(t, there({ flags: 'A' }), told(test, client, backend, vip, { flags: 'A', ttl }), 'and the second')
      t.equal(flowOf(dataplane, test, client, vip)?.state, tcp ? FlowState.ESTABLISHED : FlowState.DATAGRAM)
      const assured = (flowOf(dataplane, test, client, vip)!.flags & FlowFlag.ASSURED) !== 0
      t.equal(assured, tcp, 'an ACK proves that an answer came; a second datagram may be forged')
      if (!tcp) return
      forwards(t, there({ flags: 'PA' }), plain(test, client, backend, { flags: 'PA', ttl }), 'then they are bare')
      const end = told(test, client, backend, vip, { flags: 'FA', ttl })
      forwards(t, there({ flags: 'FA' }), end, 'a FIN is told')
      t.equal(flowOf(dataplane, test, client, vip)?.state, FlowState.CLOSING)
      const last = told(test, client, backend, vip, { flags: 'A', ttl, note: FIN })
      forwards(t, there({ flags: 'A' }), last, 'and that it was there')
    })

    t.test(`${test.name}: in this node's name where there is no room for a note`, async t => {
      const vip = serve(test, test.vip.address, 81)
      const ends = (client: Endpoint, fields: FrameFields, options = {}) => {
        const { frame } = enter(plain(test, client, vip, fields), options)
        const flow = flowOf(dataplane, test, client, vip)
        t.notOk(flow!.flags & FlowFlag.DSR)
        return frame
      }
      const payload = Buffer.alloc(1500 - (test.version === 4 ? 20 : 40) - (tcp ? 20 : 8))
      const client = newClient(test)
      const full = ends(client, { payload })
      const wanted = plain(test, self(client.port), backend, { payload, ttl: 63 })
      t.equal(describeFully(full), describeFully(wanted), 'as large as the link takes')
      if (test.version === 4) ends(newClient(test), { options: Buffer.from([1, 1, 1, 0]) })
    })

    t.test(`${test.name}: what a third SYN, or another connection to the backend, is sent as`, async t => {
      const vip = serve(test, test.vip.address, 82)
      const other = serve(test, test.vip.address, 83)
      const client = newClient(test)
      enter(plain(test, client, vip))
      const outcome = enter(plain(test, client, other))
      const flow = flowOf(dataplane, test, client, other)!
      t.notOk(flow.flags & FlowFlag.DSR, 'answers to both would look alike')
      forwards(t, outcome, plain(test, self(client.port), backend, { ttl: 63 }), "in this node's name")
      if (!tcp) return
      forwards(t, enter(plain(test, client, vip)), told(test, client, backend, vip, { ttl: 63 }), 'the second SYN')
      const third = enter(plain(test, client, vip)).frame
      t.notOk(flowOf(dataplane, test, client, vip)!.flags & FlowFlag.DSR, 'the third')
      t.not(describeFully(third), describeFully(told(test, client, backend, vip, { ttl: 63 })))
    })

    t.test(`${test.name}: the backend's node`, async t => {
      const vip = serve(test, test.vip.address, 84)
      const client = newClient(test)
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        const there = enter(told(test, client, here, vip, { flags, ttl: 63 }))
        passesAs(t, there, plain(test, client, here, { flags, ttl: 63 }), `${flags}: without the note`)
        passesAs(t, leave(plain(test, here, client, { flags })), plain(test, vip, client, { flags }), `${flags} back`)
      }
      t.equal(flowOf(dataplane, test, client, vip)?.state, tcp ? FlowState.CLOSING : FlowState.DATAGRAM)
      const bare = plain(test, client, here, { flags: 'A' })
      passesAs(t, enter(bare), bare, 'a bare one is as the backend wants it')
    })

    t.test(`${test.name}: at the address of another node`, async t => {
      serve(test, ANY[test.version], 30_085)
      const dialled = { address: NEIGHBOUR[test.version], port: 30_085 }
      const client = newClient(test)
      passesAs(t, enter(told(test, client, here, dialled)), plain(test, client, here), 'a neighbour')
      passesAs(t, leave(plain(test, here, client)), plain(test, dialled, client), 'and back')
      const far = { address: FAR[test.version], port: 30_085 }
      const stranger = newClient(test)
      isDropped(t, enter(told(test, stranger, here, far)), 'who is behind a router is no node that we know')
      passesAs(t, leave(plain(test, here, stranger)), plain(test, here, stranger), 'nobody answers in its name')
    })

    t.test(`${test.name}: forged notes`, async t => {
      const vip = serve(test, test.vip.address, 86)
      const through = serve(test, test.vip.address, 87, false)
      const other = serve(test, test.vip.address, 88)
      const client = newClient(test)
      const before = dataplane.reason(Reason.DSR_UNKNOWN)
      for (const name of [{ ...vip, port: 89 }, test.stranger, through]) {
        isDropped(t, enter(told(test, client, here, name)), `${name.address} ${name.port}`)
        passesAs(t, leave(plain(test, here, client)), plain(test, here, client), 'its replies keep their name')
      }
      t.equal(dataplane.reason(Reason.DSR_UNKNOWN) - before, 3n)
      enter(told(test, client, here, vip, { flags: 'S' }))
      leave(plain(test, here, client, { flags: 'SA' }))
      isDropped(t, enter(told(test, client, here, other, { flags: 'S' })), 'another name for a flow that is open')
      if (tcp) isDropped(t, enter(told(test, client, test.backend(ALSO_HERE), vip, { flags: 'A' })), 'another backend')
      const elsewhere = told(test, client, backend, vip)
      passesAs(t, enter(elsewhere), elsewhere, 'what goes on to another node keeps its note')
      passesAs(t, leave(plain(test, here, client)), plain(test, vip, client), 'the flow has its name still')
    })
  }

  t.test('many segments in one go without a note', async t => {
    for (const test of [TCP4, TCP6]) {
      const vip = serve(test, test.vip.address, 90)
      const [client, backend] = [newClient(test), test.backend(ELSEWHERE)]
      const payload = Buffer.alloc(1200, 'x')
      enter(plain(test, client, vip, { flags: 'S' }))
      const { frame } = dataplane.run('tc_uplink_ingress', plain(test, client, vip, { flags: 'A', payload }), {
        gsoSize: 600,
        gsoSegs: 2,
      })
      const wanted = plain(test, client, backend, { flags: 'A', payload, ttl: 63 })
      t.equal(describeFully(frame), describeFully(wanted), test.name)
      const unseen = newClient(test)
      dataplane.run('tc_uplink_ingress', plain(test, unseen, vip, { flags: 'A', payload }), {
        gsoSize: 600,
        gsoSegs: 2,
      })
      t.ok(flowOf(dataplane, test, unseen, vip)!.flags & FlowFlag.DSR, 'one that was open before us is told of later')
    }
  })
}
