// SPDX-License-Identifier: Apache-2.0
/**
 * Packet by packet, byte by byte: to a backend of another node, and back, through XDP. Addresses, ports, checksums, hops and MACs are
 * what a router's would be, and what tc makes of the same frame with the same maps.
 */
import t, { type Test } from 'tap'
import { Scope } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, SCTP4, SCTP6, UDP4 } from '../bpf/cases.ts'
import { type Outcome, VERDICT, XDP_VERDICT } from '../bpf/harness.ts'
import { addService, type Endpoint } from '../bpf/services.ts'
import { flowOf } from '../bpf/tuples.ts'
import { inOwnNetwork } from '../own-network.ts'
import { describeFully } from '../packet/describe.ts'
import { PROTO } from '../packet/protocol.ts'
import { BEHIND, MAC, NODE, ROUTER_MAC, upUplinks } from './uplinks.ts'

if (inOwnNetwork(import.meta.filename)) prove()

/** MACs are the neighbour's business at tc: the kernel writes them after the program. */
function withoutMacs(frame: Buffer): string {
  return describeFully(Buffer.concat([Buffer.alloc(12), frame.subarray(12)]))
}

function prove(): void {
  const uplinks = upUplinks()
  t.teardown(() => uplinks.close())
  const { xdp, tc, enter, frame } = uplinks

  function serve(test: Case, port: number, fields: Omit<Parameters<typeof addService>[1], 'frontends'>) {
    const frontends = [{ ...test.vip, port, proto: test.proto, scope: Scope.EXTERNAL }]
    return addService(xdp, { frontends, ...fields })
  }
  function leavesAs(t: Test, outcome: Outcome, expected: Buffer, what: string, verdict: number = XDP_VERDICT.TX): void {
    t.equal(describeFully(outcome.frame), describeFully(expected), what)
    t.equal(outcome.verdict, verdict, `${what}: sent`)
  }
  /** XDP made this of it; tc would make the same. */
  function sends(t: Test, sent: Buffer, expected: Buffer, what: string, verdict?: number): void {
    leavesAs(t, enter(sent), expected, what, verdict)
    const { verdict: said, frame } = tc.run('tc_uplink_ingress', sent, { ifindex: uplinks.ifindex.up0 })
    t.equal(said, VERDICT.REDIRECT, `${what}: by tc, too`)
    t.equal(withoutMacs(frame), withoutMacs(expected), `${what}: by tc the same bytes`)
  }
  const out = { src: MAC.up0, dst: ROUTER_MAC.up0, ttl: 63 } as const

  for (const test of [...CASES, SCTP4, SCTP6]) {
    const { client, vip } = test
    const target = test.proto === PROTO.SCTP ? 81 : 8080
    const other = { ...vip, port: 81 }
    const backend = { ...test.backend(2), port: target }
    const self = { address: NODE[test.version], port: client.port }

    t.test(`${test.name}: there and back`, async t => {
      serve(test, 81, { backends: [backend] })
      for (const flags of ['S', 'A', 'PA', 'FA']) {
        const there = frame(test, self, backend, { ...out, flags })
        sends(t, frame(test, client, other, { flags }), there, `${flags} there`)
        const back = frame(test, other, client, { ...out, flags })
        sends(t, frame(test, backend, self, { flags }), back, `${flags} back`)
      }
    })

    t.test(`${test.name}: out of another uplink`, async t => {
      const to = { ...vip, port: 82 }
      const far = { address: BEHIND.up1[test.version], port: test.proto === PROTO.SCTP ? 82 : 8080 }
      serve(test, 82, { backends: [far] })
      const named = { address: test.version === 4 ? '10.0.9.1' : 'fd00:9::1', port: client.port }
      const crossed = frame(test, named, far, { src: MAC.up1, dst: ROUTER_MAC.up1, ttl: 63 })
      sends(t, frame(test, client, to), crossed, 'crosses', XDP_VERDICT.REDIRECT)
    })
  }

  t.test('UDP over IPv4 without a checksum has none afterwards', async t => {
    const test = UDP4
    const self: Endpoint = { address: NODE[4], port: test.client.port }
    const sent = frame(test, test.client, { ...test.vip, port: 81 }, { checksum: 0 })
    sends(t, sent, frame(test, self, test.backend(2), { ...out, checksum: 0 }), 'there')
  })

  for (const test of CASES)
    t.test(`${test.name}: frames in several pieces`, async t => {
      const self = { address: NODE[test.version], port: test.client.port }
      for (const length of [4000, 8000, 8900]) {
        const fields = { flags: 'PA', payload: Buffer.alloc(length, length) }
        const there = frame(test, self, test.backend(2), { ...out, ...fields })
        leavesAs(t, enter(frame(test, test.client, { ...test.vip, port: 81 }, fields)), there, `${length} bytes`)
      }
    })

  for (const test of CASES)
    t.test(`${test.name}: a packet is counted once, and a connection`, async t => {
      const { client, vip } = test
      const { id } = serve(test, 90, { backends: [test.backend(3)] })
      const sent = frame(test, client, { ...vip, port: 90 })
      enter(sent)
      for (let n = 0; n < 4; n++) enter(frame(test, client, { ...vip, port: 90 }, { flags: 'A' }))
      t.match(xdp.counters.sum(id), { connections: 1n, packets: 5n })
      t.equal(xdp.counters.sum(id)?.bytes, BigInt(5 * (sent.length - 14)))
    })

  for (const test of CASES)
    t.test(`${test.name}: the flow's state follows`, async t => {
      const { client, vip } = test
      const backend = test.backend(4)
      const self = { address: NODE[test.version], port: client.port }
      const to = { ...vip, port: 91 }
      serve(test, 91, { backends: [backend] })
      enter(frame(test, client, to))
      const states = [flowOf(xdp, test, client, to)?.state]
      for (const [from, dialled, flags] of [
        [backend, self, 'SA'],
        [client, to, 'FA'],
        [backend, self, 'FA'],
      ] as const) {
        enter(frame(test, from, dialled, { flags }))
        states.push(flowOf(xdp, test, client, to)?.state)
      }
      t.same(states, test.proto === PROTO.TCP ? [1, 2, 3, 4] : [5, 5, 5, 5])
    })
}
