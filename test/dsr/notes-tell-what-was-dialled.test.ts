// SPDX-License-Identifier: Apache-2.0
/**
 * Packet by packet: the node that was dialled puts a note into what the backend's node has to know, and steps aside to its own
 * name where there is no room; the backend's node takes the note out, answers in that name, and believes only what it serves.
 */
import t from 'tap'
import { FlowFlag, FlowState, Reason, Scope } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, type FrameFields, TCP4, TCP6 } from '../bpf/cases.ts'
import { addService, type Endpoint } from '../bpf/services.ts'
import { flowOf } from '../bpf/tuples.ts'
import { isDropped, passesAs, sentAs } from '../bpf/verdicts.ts'
import { inOwnNetwork, run } from '../own-network.ts'
import { describeFully } from '../packet/describe.ts'
import { PROTO } from '../packet/protocol.ts'
import { frameToUs, NODE, TO_US, upUplink } from '../uplink/one-uplink.ts'
import { FIN, noted } from './note.ts'

/** Another node, on the uplink's link; and an address that is behind a router. */
const NEIGHBOUR = { 4: '10.0.0.2', 6: 'fd00::2' } as const
const FAR = { 4: '198.51.100.1', 6: '2001:db8:51::1' } as const
const ANY = { 4: '0.0.0.0', 6: '::' } as const
const ELSEWHERE = 2
const HERE = 77
const ALSO_HERE = 78

function makePods(): void {
  run('ip', 'link', 'add', 'pod0', 'type', 'veth', 'peer', 'name', 'eth0')
  for (const device of ['eth0', 'pod0']) run('ip', 'link', 'set', device, 'up')
  for (const { backend } of [TCP4, TCP6])
    for (const n of [HERE, ALSO_HERE]) run('ip', 'route', 'add', backend(n).address, 'dev', 'pod0')
}

if (inOwnNetwork(import.meta.filename)) prove()

function prove(): void {
  const { dataplane, enter, leave } = upUplink()
  t.teardown(() => dataplane.close())
  makePods()
  let port = 20_000

  /** A client's socket that nobody had before. */
  const newClient = ({ client }: Case): Endpoint => ({ ...client, port: port++ })
  const told = (
    test: Case,
    from: Endpoint,
    to: Endpoint,
    dialled: Endpoint,
    fields: FrameFields & { note?: number } = {},
  ) => noted(test, from, to, dialled, { ...TO_US, ...fields })
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
      const there = (fields: FrameFields) => enter(frameToUs(test, client, vip, fields))
      const ttl = 63
      sentAs(t, there({ flags: 'S' }), told(test, client, backend, vip, { flags: 'S', ttl }), 'the first')
      sentAs(t, there({ flags: 'A' }), told(test, client, backend, vip, { flags: 'A', ttl }), 'and the second')
      t.equal(flowOf(dataplane, test, client, vip)?.state, tcp ? FlowState.ESTABLISHED : FlowState.DATAGRAM)
      const assured = (flowOf(dataplane, test, client, vip)!.flags & FlowFlag.ASSURED) !== 0
      t.equal(assured, tcp, 'an ACK proves that an answer came; a second datagram may be forged')
      if (!tcp) return
      sentAs(t, there({ flags: 'PA' }), frameToUs(test, client, backend, { flags: 'PA', ttl }), 'then they are bare')
      const end = told(test, client, backend, vip, { flags: 'FA', ttl })
      sentAs(t, there({ flags: 'FA' }), end, 'a FIN is told')
      t.equal(flowOf(dataplane, test, client, vip)?.state, FlowState.CLOSING)
      const last = told(test, client, backend, vip, { flags: 'A', ttl, note: FIN })
      sentAs(t, there({ flags: 'A' }), last, 'and that it was there')
    })

    t.test(`${test.name}: in this node's name where there is no room for a note`, async t => {
      const vip = serve(test, test.vip.address, 81)
      const ends = (client: Endpoint, fields: FrameFields, options = {}) => {
        const { frame } = enter(frameToUs(test, client, vip, fields), options)
        const flow = flowOf(dataplane, test, client, vip)
        t.notOk(flow!.flags & FlowFlag.DSR)
        return frame
      }
      const payload = Buffer.alloc(1500 - (test.version === 4 ? 20 : 40) - (tcp ? 20 : 8))
      const client = newClient(test)
      const full = ends(client, { payload })
      const wanted = frameToUs(test, self(client.port), backend, { payload, ttl: 63 })
      t.equal(describeFully(full), describeFully(wanted), 'as large as the link takes')
      if (test.version === 4) ends(newClient(test), { options: Buffer.from([1, 1, 1, 0]) })
    })

    t.test(`${test.name}: what a third SYN, or another connection to the backend, is sent as`, async t => {
      const vip = serve(test, test.vip.address, 82)
      const other = serve(test, test.vip.address, 83)
      const client = newClient(test)
      enter(frameToUs(test, client, vip))
      const outcome = enter(frameToUs(test, client, other))
      const flow = flowOf(dataplane, test, client, other)!
      t.notOk(flow.flags & FlowFlag.DSR, 'answers to both would look alike')
      sentAs(t, outcome, frameToUs(test, self(client.port), backend, { ttl: 63 }), "in this node's name")
      if (!tcp) return
      sentAs(t, enter(frameToUs(test, client, vip)), told(test, client, backend, vip, { ttl: 63 }), 'the second SYN')
      const third = enter(frameToUs(test, client, vip)).frame
      t.notOk(flowOf(dataplane, test, client, vip)!.flags & FlowFlag.DSR, 'the third')
      t.not(describeFully(third), describeFully(told(test, client, backend, vip, { ttl: 63 })))
    })

    t.test(`${test.name}: the backend's node`, async t => {
      const vip = serve(test, test.vip.address, 84)
      const client = newClient(test)
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        const there = enter(told(test, client, here, vip, { flags, ttl: 63 }))
        passesAs(t, there, frameToUs(test, client, here, { flags, ttl: 63 }), `${flags}: without the note`)
        passesAs(
          t,
          leave(frameToUs(test, here, client, { flags })),
          frameToUs(test, vip, client, { flags }),
          `${flags} back`,
        )
      }
      t.equal(flowOf(dataplane, test, client, vip)?.state, tcp ? FlowState.CLOSING : FlowState.DATAGRAM)
      const bare = frameToUs(test, client, here, { flags: 'A' })
      passesAs(t, enter(bare), bare, 'a bare one is as the backend wants it')
    })

    t.test(`${test.name}: at the address of another node`, async t => {
      serve(test, ANY[test.version], 30_085)
      const dialled = { address: NEIGHBOUR[test.version], port: 30_085 }
      const client = newClient(test)
      passesAs(t, enter(told(test, client, here, dialled)), frameToUs(test, client, here), 'a neighbour')
      passesAs(t, leave(frameToUs(test, here, client)), frameToUs(test, dialled, client), 'and back')
      const far = { address: FAR[test.version], port: 30_085 }
      const stranger = newClient(test)
      isDropped(t, enter(told(test, stranger, here, far)), 'who is behind a router is no node that we know')
      passesAs(t, leave(frameToUs(test, here, stranger)), frameToUs(test, here, stranger), 'nobody answers in its name')
    })

    t.test(`${test.name}: forged notes`, async t => {
      const vip = serve(test, test.vip.address, 86)
      const through = serve(test, test.vip.address, 87, false)
      const other = serve(test, test.vip.address, 88)
      const client = newClient(test)
      const before = dataplane.reason(Reason.DSR_UNKNOWN)
      for (const name of [{ ...vip, port: 89 }, test.stranger, through]) {
        isDropped(t, enter(told(test, client, here, name)), `${name.address} ${name.port}`)
        passesAs(t, leave(frameToUs(test, here, client)), frameToUs(test, here, client), 'its replies keep their name')
      }
      t.equal(dataplane.reason(Reason.DSR_UNKNOWN) - before, 3n)
      enter(told(test, client, here, vip, { flags: 'S' }))
      leave(frameToUs(test, here, client, { flags: 'SA' }))
      isDropped(t, enter(told(test, client, here, other, { flags: 'S' })), 'another name for a flow that is open')
      if (tcp) isDropped(t, enter(told(test, client, test.backend(ALSO_HERE), vip, { flags: 'A' })), 'another backend')
      const elsewhere = told(test, client, backend, vip)
      passesAs(t, enter(elsewhere), elsewhere, 'what goes on to another node keeps its note')
      passesAs(t, leave(frameToUs(test, here, client)), frameToUs(test, vip, client), 'the flow has its name still')
    })
  }

  t.test('many segments in one go without a note', async t => {
    for (const test of [TCP4, TCP6]) {
      const vip = serve(test, test.vip.address, 90)
      const [client, backend] = [newClient(test), test.backend(ELSEWHERE)]
      const payload = Buffer.alloc(1200, 'x')
      enter(frameToUs(test, client, vip, { flags: 'S' }))
      const { frame } = dataplane.run('tc_uplink_ingress', frameToUs(test, client, vip, { flags: 'A', payload }), {
        gsoSize: 600,
        gsoSegs: 2,
      })
      const wanted = frameToUs(test, client, backend, { flags: 'A', payload, ttl: 63 })
      t.equal(describeFully(frame), describeFully(wanted), test.name)
      const unseen = newClient(test)
      dataplane.run('tc_uplink_ingress', frameToUs(test, unseen, vip, { flags: 'A', payload }), {
        gsoSize: 600,
        gsoSegs: 2,
      })
      t.ok(flowOf(dataplane, test, unseen, vip)!.flags & FlowFlag.DSR, 'one that was open before us is told of later')
    }
  })
}
