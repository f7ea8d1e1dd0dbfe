// SPDX-License-Identifier: Apache-2.0
/**
 * Packet by packet, byte by byte: to a backend of this node the destination changes and nothing else; to one of another node the
 * source, too, and the packet has passed a router. Replies and ICMP errors go back the same way.
 */
import t, { type Test } from 'tap'
import { listDevices } from '../../agent/kernel/devices.ts'
import { type Flow, FlowFlag, FlowState, Reason, Scope, Xdp } from '../../agent/kernel/layout.gen.ts'
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
import { loadDataplane, type Outcome, VERDICT } from '../bpf/harness.ts'
import { addService, type Endpoint } from '../bpf/services.ts'
import { tupleOf } from '../bpf/tuples.ts'
import { isDropped, passesAs, returnsAs } from '../bpf/verdicts.ts'
import { mappedBytes } from '../packet/address.ts'
import { describeFully } from '../packet/describe.ts'
import { ethernet } from '../packet/ethernet.ts'
import { icmp4 } from '../packet/icmp4.ts'
import { icmp6 } from '../packet/icmp6.ts'
import { PROTO } from '../packet/protocol.ts'
import { inOwnNetwork, run } from './own-network.ts'

/** Of the loopback device, where frames of test runs come in: others are for other hosts. */
const TO_US = { dst: '00:00:00:00:00:00' } as const
const NODE = { 4: '10.0.0.1', 6: 'fd00::1' } as const
const MTU = 1500
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

function makeNetwork(): void {
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'up0', 'mtu', String(MTU), 'type', 'veth', 'peer', 'name', 'far0')
  run('ip', 'link', 'set', 'far0', 'up')
  run('ip', 'link', 'set', 'up0', 'up')
  run('ip', 'addr', 'add', `${NODE[4]}/24`, 'dev', 'up0')
  run('ip', 'addr', 'add', `${NODE[6]}/64`, 'dev', 'up0', 'nodad')
  run('ip', 'route', 'add', 'default', 'via', '10.0.0.254')
  run('ip', 'route', 'add', '::/0', 'via', 'fd00::fe')
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

  function enter(frame: Buffer): Outcome {
    return dataplane.run('tc_uplink_ingress', frame, { checksumComplete: true })
  }
  function frontendsOf(test: Case): { readonly frontends: readonly (Endpoint & { proto: number; scope: Scope })[] } {
    return { frontends: [{ ...test.vip, proto: test.proto, scope: Scope.EXTERNAL }] }
  }
  function frame(test: Case, from: Endpoint, to: Endpoint, fields: FrameFields = {}): Buffer {
    return frameBetween(test, from, to, { ...TO_US, ...fields })
  }
  function forwards(t: Test, outcome: Outcome, expected: Buffer, what: string): void {
    t.equal(describeFully(outcome.frame), describeFully(expected), what)
    t.equal(outcome.verdict, VERDICT.REDIRECT, `${what}: sent on`)
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
          enter(frame(test, client, vip, { flags })),
          frame(test, client, backend, { flags }),
          `${flags} there`,
        )
        const reply = frame(test, backend, client, { flags })
        const back = dataplane.run('tc_uplink_egress', reply, { checksumComplete: true })
        passesAs(t, back, frame(test, vip, client, { flags }), `${flags} back`)
      }
    })

    t.test(`${test.name}: a backend of another node`, async t => {
      const backend = test.backend(2)
      const other = { ...vip, port: 81 }
      const frontends = [{ ...other, proto: test.proto, scope: Scope.EXTERNAL }]
      addService(dataplane, { frontends, backends: [backend] })
      const there = (fields: FrameFields) => enter(frame(test, client, other, fields))
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        forwards(t, there({ flags }), frame(test, self, backend, { flags, ttl: 63 }), `${flags} there`)
        const back = enter(frame(test, backend, self, { flags }))
        forwards(t, back, frame(test, other, client, { flags, ttl: 63 }), `${flags} back`)
      }
      const sent = packetBetween(test, self, backend)
      const wanted = packetBetween(test, client, other)
      forwards(
        t,
        enter(errorFrame(test, router, self.address, sent)),
        errorFrame(test, other.address, client.address, wanted, 63),
        "a router's error about what went there",
      )
      forwards(
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
        const sent = whole(test, frame(test, client, far, { flags, ...fields }))
        const before = dataplane.reason(reason)
        const quote = sent.subarray(14, 14 + (test.version === 4 ? 20 : 40) + (test.proto === PROTO.TCP ? 20 : 8))
        const message = (test.version === 4 ? icmp4 : icmp6)({ ...kind[test.version], payload: quote })
        const tos = test.version === 4 ? 0xc0 : 0
        const packet = ipBetween(test.version, vip.address, client.address, message, { tos, id: 0 })
        // Where the packet is cut, the kernel forgets the device's sum.
        const answer = dataplane.run('tc_uplink_ingress', sent)
        returnsAs(t, answer, ethernet({ src: TO_US.dst, dst: '02:00:00:00:00:01' }, packet), what)
        t.equal(dataplane.reason(reason), before + 1n, `${what}: counted`)
      }
    })

    t.test(`${test.name}: what is not ours`, async t => {
      const foreign = frameBetween(test, { ...client, port: 50_000 }, vip)
      passesAs(t, dataplane.run('tc_uplink_ingress', foreign), foreign, "another host's packet")
      const plain = frame(test, stranger, client)
      passesAs(t, enter(plain), plain, 'no Service')
      passesAs(t, dataplane.run('tc_uplink_egress', plain), plain, 'no Service, out')
    })

    t.test(`${test.name}: a clusterIP that routes lead here`, async t => {
      const inside = { ...vip, port: 82 }
      addService(dataplane, { frontends: [{ ...inside, proto: test.proto }], backends: [test.backend(3)] })
      forwards(t, enter(frame(test, client, inside)), frame(test, self, test.backend(3), { ttl: 63 }), 'served')
    })

    t.test(`${test.name}: nobody`, async t => {
      const frontends = [{ ...vip, port: 84, proto: test.proto, scope: Scope.EXTERNAL }]
      addService(dataplane, { frontends, backends: [], drop: true })
      isDropped(t, enter(frame(test, client, { ...vip, port: 84 })), 'policy Local')
      addService(dataplane, { frontends: [{ ...frontends[0]!, port: 85 }], backends: [test.backend(4)], ranges: true })
      const before = dataplane.reason(Reason.SOURCE_RANGE)
      isDropped(t, enter(frame(test, client, { ...vip, port: 85 })), 'outside the source ranges')
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
      isDropped(t, enter(frame(test, test.client, vip)), 'all taken')
      t.equal(dataplane.reason(Reason.PORTS_EXHAUSTED), before + 1n, 'counted')
      dataplane.flows.delete(tupleOf(test, backend, self(test.client.port)))
      const outcome = enter(frame(test, test.client, vip))
      forwards(
        t,
        outcome,
        frame(test, self(test.client.port), backend, { ttl: 63 }),
        "the client's own port is free again",
      )
    })

  t.test('an IPv4 packet that may be broken up is sent on whole', async t => {
    const sent = frame(TCP4, TCP4.client, { ...TCP4.vip, port: 81 }, { flags: 'A', payload: Buffer.alloc(MTU) })
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
