// SPDX-License-Identifier: Apache-2.0
/**
 * Packet by packet, byte by byte: to a backend of this node the destination changes and nothing else; to one of another node the
 * source, too, and the packet has passed a router. Replies and ICMP errors go back the same way.
 */
import t from 'tap'
import { type Flow, FlowFlag, FlowState, Reason, Scope } from '../../agent/kernel/layout.gen.ts'
import {
  CASES,
  type Case,
  type FrameFields,
  frameBetween,
  ipBetween,
  packetBetween,
  TCP4,
  TCP6,
  UDP4,
} from '../bpf/cases.ts'
import { VERDICT } from '../bpf/harness.ts'
import { addService, type Endpoint } from '../bpf/services.ts'
import { tupleOf } from '../bpf/tuples.ts'
import { isDropped, passesAs, sentAs } from '../bpf/verdicts.ts'
import { inOwnNetwork } from '../own-network.ts'
import { mappedBytes } from '../packet/address.ts'
import { ethernet } from '../packet/ethernet.ts'
import { icmp4 } from '../packet/icmp4.ts'
import { icmp6 } from '../packet/icmp6.ts'
import { PROTO } from '../packet/protocol.ts'
import { frameToUs, MTU, NODE, TO_US, upUplink } from './one-uplink.ts'

/** EK_SNAT_FIRST and EK_SNAT_COUNT of bpf/flow.h. */
const FIRST_PORT = 61_000
const LAST_PORT = 65_535

/** Somebody else's. */
const NO_FLOW: Flow = {
  saddr: mappedBytes('192.0.2.1'),
  daddr: mappedBytes('192.0.2.2'),
  sport: 1,
  dport: 2,
  service: 0,
  backend: 0,
  generation: 1,
  seen: 0n,
  state: FlowState.ESTABLISHED,
  flags: FlowFlag.REPLY | FlowFlag.FORWARD,
  tick: 0,
}

if (inOwnNetwork(import.meta.filename)) prove()

function prove(): void {
  const { dataplane, enter, leave } = upUplink()
  t.teardown(() => dataplane.close())

  function frontendsOf(test: Case): { readonly frontends: readonly (Endpoint & { proto: number; scope: Scope })[] } {
    return { frontends: [{ ...test.vip, proto: test.proto, scope: Scope.EXTERNAL }] }
  }
  function errorFrame(test: Case, from: string, to: string, quote: Buffer, ttl = 64): Buffer {
    const kind = test.version === 4 ? { type: 3, code: 4, rest: 1280 } : { type: 2, code: 0, rest: 1280 }
    const message = (test.version === 4 ? icmp4 : icmp6)({ ...kind, payload: quote })
    return ethernet(TO_US, ipBetween(test.version, from, to, message, { ttl }))
  }

  for (const test of CASES) {
    const { client, vip, stranger, router } = test
    const self = { address: NODE[test.version], port: client.port }

    t.test(`${test.name}: a backend of this node`, async t => {
      const backend = { ...test.backend(1), local: true }
      addService(dataplane, { ...frontendsOf(test), backends: [backend] })
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        passesAs(
          t,
          enter(frameToUs(test, client, vip, { flags })),
          frameToUs(test, client, backend, { flags }),
          `${flags} there`,
        )
        const back = leave(frameToUs(test, backend, client, { flags }))
        passesAs(t, back, frameToUs(test, vip, client, { flags }), `${flags} back`)
      }
    })

    t.test(`${test.name}: a backend of another node`, async t => {
      const backend = test.backend(2)
      const other = { ...vip, port: 81 }
      const frontends = [{ ...other, proto: test.proto, scope: Scope.EXTERNAL }]
      addService(dataplane, { frontends, backends: [backend] })
      const there = (fields: FrameFields) => enter(frameToUs(test, client, other, fields))
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        sentAs(t, there({ flags }), frameToUs(test, self, backend, { flags, ttl: 63 }), `${flags} there`)
        const back = enter(frameToUs(test, backend, self, { flags }))
        sentAs(t, back, frameToUs(test, other, client, { flags, ttl: 63 }), `${flags} back`)
      }
      const sent = packetBetween(test, self, backend)
      const wanted = packetBetween(test, client, other)
      sentAs(
        t,
        enter(errorFrame(test, router, self.address, sent)),
        errorFrame(test, other.address, client.address, wanted, 63),
        "a router's error about what went there",
      )
      sentAs(
        t,
        enter(errorFrame(test, stranger.address, vip.address, packetBetween(test, other, client))),
        errorFrame(test, self.address, backend.address, packetBetween(test, backend, self), 63),
        "a router's error about what came back",
      )
    })

    t.test(`${test.name}: too far and too large`, async t => {
      const far = { ...vip, port: 81 }
      for (const { what, fields, kind, reason } of [
        {
          what: 'hops',
          fields: { ttl: 1 },
          kind: { 4: { type: 11, code: 0, rest: 0 }, 6: { type: 3, code: 0, rest: 0 } },
          reason: Reason.HOPS,
        },
        {
          what: 'size',
          fields: { payload: Buffer.alloc(MTU) },
          kind: { 4: { type: 3, code: 4, rest: MTU }, 6: { type: 2, code: 0, rest: MTU } },
          reason: Reason.TOO_BIG,
        },
      ]) {
        const flags = 'A'
        const sent = whole(test, frameToUs(test, client, far, { flags, ...fields }))
        const before = dataplane.reason(reason)
        const quote = sent.subarray(14, 14 + (test.version === 4 ? 20 : 40) + (test.proto === PROTO.TCP ? 20 : 8))
        const message = (test.version === 4 ? icmp4 : icmp6)({ ...kind[test.version], payload: quote })
        const tos = test.version === 4 ? 0xc0 : 0
        const packet = ipBetween(test.version, vip.address, client.address, message, { tos, id: 0 })
        // Where the packet is cut, the kernel forgets the device's sum.
        const answer = dataplane.run('tc_uplink_ingress', sent)
        sentAs(t, answer, ethernet({ src: TO_US.dst, dst: '02:00:00:00:00:01' }, packet), what)
        t.equal(dataplane.reason(reason), before + 1n, `${what}: counted`)
      }
    })

    t.test(`${test.name}: what is not ours`, async t => {
      const foreign = frameBetween(test, { ...client, port: 50_000 }, vip)
      passesAs(t, dataplane.run('tc_uplink_ingress', foreign), foreign, "another host's packet")
      const plain = frameToUs(test, stranger, client)
      passesAs(t, enter(plain), plain, 'no Service')
      passesAs(t, dataplane.run('tc_uplink_egress', plain), plain, 'no Service, out')
    })

    t.test(`${test.name}: a clusterIP that routes lead here`, async t => {
      const inside = { ...vip, port: 82 }
      addService(dataplane, { frontends: [{ ...inside, proto: test.proto }], backends: [test.backend(3)] })
      sentAs(t, enter(frameToUs(test, client, inside)), frameToUs(test, self, test.backend(3), { ttl: 63 }), 'served')
    })

    t.test(`${test.name}: nobody`, async t => {
      const frontends = [{ ...vip, port: 84, proto: test.proto, scope: Scope.EXTERNAL }]
      addService(dataplane, { frontends, backends: [], drop: true })
      isDropped(t, enter(frameToUs(test, client, { ...vip, port: 84 })), 'policy Local')
      addService(dataplane, { frontends: [{ ...frontends[0]!, port: 85 }], backends: [test.backend(4)], ranges: true })
      const before = dataplane.reason(Reason.SOURCE_RANGE)
      isDropped(t, enter(frameToUs(test, client, { ...vip, port: 85 })), 'outside the source ranges')
      t.equal(dataplane.reason(Reason.SOURCE_RANGE), before + 1n)
    })
  }

  for (const test of [TCP6, UDP4])
    t.test(`${test.name}: no source port is left`, async t => {
      const backend = test.backend(9)
      const vip = { ...test.vip, port: 90 }
      const frontends = [{ ...vip, proto: test.proto, scope: Scope.EXTERNAL }]
      const { id, backends } = addService(dataplane, { frontends, backends: [backend] })
      const self = (port: number) => ({ address: NODE[test.version], port })
      const ports = [test.client.port, ...Array.from({ length: LAST_PORT - FIRST_PORT + 1 }, (_, i) => FIRST_PORT + i)]
      const taken = { ...NO_FLOW, service: id, backend: backends[0]!, seen: process.hrtime.bigint() }
      dataplane.flows.updateMany(ports.map(port => [tupleOf(test, backend, self(port)), taken] as const))
      const before = dataplane.reason(Reason.PORTS_EXHAUSTED)
      isDropped(t, enter(frameToUs(test, test.client, vip)), 'all taken')
      t.equal(dataplane.reason(Reason.PORTS_EXHAUSTED), before + 1n, 'counted')
      dataplane.flows.delete(tupleOf(test, backend, self(test.client.port)))
      const outcome = enter(frameToUs(test, test.client, vip))
      sentAs(
        t,
        outcome,
        frameToUs(test, self(test.client.port), backend, { ttl: 63 }),
        "the client's own port is free again",
      )
    })

  t.test('an IPv4 packet that may be broken up is sent on whole', async t => {
    const sent = frameToUs(TCP4, TCP4.client, { ...TCP4.vip, port: 81 }, { flags: 'A', payload: Buffer.alloc(MTU) })
    sent.writeUInt16BE(0, 14 + 6)
    t.equal(enter(fixed(sent)).verdict, VERDICT.REDIRECT)
  })
}

/** IPv4 with the DF bit. */
function whole(test: Case, sent: Buffer): Buffer {
  if (test.version === 4) sent.writeUInt16BE(0x4000, 14 + 6)
  return test.version === 4 ? fixed(sent) : sent
}

/** The IPv4 header's checksum made right again (RFC 791). */
function fixed(sent: Buffer): Buffer {
  sent.writeUInt16BE(0, 14 + 10)
  let sum = 0
  for (let i = 0; i < 20; i += 2) sum += sent.readUInt16BE(14 + i)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  sent.writeUInt16BE(~sum & 0xffff, 14 + 10)
  return sent
}
