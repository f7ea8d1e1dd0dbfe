// SPDX-License-Identifier: Apache-2.0
/** XDP writes to nothing that it does not send: whatever takes more than forwarding reaches tc as it came. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Reason, Scope, Xdp } from '../../agent/kernel/layout.gen.ts'
import { CASES, type Case, type FrameFields, ipBetween, packetBetween, SCTP4, TCP4, UDP4, UDP6 } from '../bpf/cases.ts'
import { VERDICT, XDP_VERDICT } from '../bpf/harness.ts'
import { addAddress, addService, type ServiceFields } from '../bpf/services.ts'
import { flowOf } from '../bpf/tuples.ts'
import { inOwnNetwork, run } from '../own-network.ts'
import { describeFully } from '../packet/describe.ts'
import { ethernet } from '../packet/ethernet.ts'
import { destinationOptions, fragmentHeader, hopByHop } from '../packet/extension.ts'
import { fragments } from '../packet/fragments.ts'
import { icmp4 } from '../packet/icmp4.ts'
import { icmp6 } from '../packet/icmp6.ts'
import { BEHIND, MAC, NODE, SMALL_MTU, upUplinks } from './uplinks.ts'

if (inOwnNetwork(import.meta.filename)) prove()

function prove(): void {
  const uplinks = upUplinks()
  t.teardown(() => uplinks.close())
  const { xdp, tc, enter, frame } = uplinks

  function serve(test: Case, port: number, fields: Omit<ServiceFields, 'frontends'>) {
    const frontends = [{ ...test.vip, port, proto: test.proto, scope: Scope.EXTERNAL }]
    return addService(xdp, { frontends, ...fields })
  }
  function isPassed(t: Test, sent: Buffer, what: string): void {
    const { verdict, frame } = enter(sent)
    t.equal(describeFully(frame), describeFully(sent), what)
    t.equal(verdict, XDP_VERDICT.PASS, `${what}: passed on`)
  }
  function isSent(t: Test, sent: Buffer, what: string, verdict: number = XDP_VERDICT.TX): void {
    t.equal(enter(sent).verdict, verdict, what)
  }

  for (const test of CASES) {
    const { client, vip, version } = test
    const to = (port: number) => ({ ...vip, port })
    const known = to(80)
    const error = version === 4 ? icmp4 : icmp6

    t.test(`${test.name}: of a flow that XDP forwards`, async t => {
      serve(test, 80, { backends: [test.backend(1)] })
      isSent(t, frame(test, client, known, { flags: 'S' }), 'the flow is there')
      isPassed(t, frame(test, client, known, { flags: 'A', dst: MAC.up1 }), "another host's frame")
      isPassed(t, frame(test, client, known, { flags: 'A', ttl: 1 }), 'its last hop')
      isPassed(t, frame(test, client, known, { flags: 'A', tags: [7] }), 'a VLAN tag')
      const extras: readonly FrameFields[] =
        version === 4
          ? [{ options: Buffer.alloc(4, 1) }, { options: Buffer.alloc(40, 1) }]
          : [
              { extensions: [hopByHop()] },
              { extensions: [destinationOptions()] },
              { extensions: [fragmentHeader({ id: 1, offset: 0, more: false })] },
            ]
      for (const extra of extras) isPassed(t, frame(test, client, known, { flags: 'A', ...extra }), 'more headers')
      const packet = packetBetween(test, client, known, { flags: 'A', payload: Buffer.alloc(2000, 1) })
      for (const piece of fragments(packet, 1000, 77)) isPassed(t, ethernet({ dst: MAC.up0 }, piece), 'a fragment')
      const quote = packetBetween(test, { address: NODE[version], port: client.port }, test.backend(1))
      const told = error({ type: version === 4 ? 3 : 1, code: version === 4 ? 3 : 4, payload: quote })
      isPassed(t, ethernet({ dst: MAC.up0 }, ipBetween(version, test.router, NODE[version], told)), 'an ICMP error')
      const sent = frame(test, client, known, { flags: 'A' })
      for (let length = version === 4 ? 34 : 54; length < sent.length; length++)
        isPassed(t, sent.subarray(0, length), `cut to ${length} bytes`)
      isSent(t, sent, 'whole again')
    })

    t.test(`${test.name}: towards where only the stack can send`, async t => {
      const far = (address: string) => ({ address, port: 8080 })
      serve(test, 81, { backends: [far(BEHIND.small[version])] })
      isSent(t, frame(test, client, to(81)), 'small enough')
      isPassed(t, frame(test, client, to(81), { flags: 'A', payload: Buffer.alloc(SMALL_MTU) }), 'too big')
      serve(test, 82, { backends: [far(BEHIND.silent[version])] })
      isPassed(t, frame(test, client, to(82)), 'nobody knows the MAC')
      serve(test, 83, { backends: [far(BEHIND.up1[version])] })
      isSent(t, frame(test, client, to(83)), 'another uplink takes XDP frames', XDP_VERDICT.REDIRECT)
      const large = frame(test, client, to(83), { flags: 'A', payload: Buffer.alloc(6000) })
      isPassed(t, large, 'it may not take those of several pieces')
      for (const mode of [Xdp.GENERIC, Xdp.OFF, Xdp.TAKEN]) {
        const up1 = xdp.uplinks.lookup(uplinks.ifindex.up1)!
        xdp.uplinks.update(uplinks.ifindex.up1, { ...up1, xdp: mode })
        isPassed(t, frame(test, client, to(83), { flags: 'A' }), `it has XDP mode ${mode}`)
        xdp.uplinks.update(uplinks.ifindex.up1, up1)
      }
      isSent(t, frame(test, client, to(83), { flags: 'A' }), 'and again', XDP_VERDICT.REDIRECT)
    })

    t.test(`${test.name}: what tc answers, drops or delivers`, async t => {
      serve(test, 84, { backends: [{ ...test.backend(4), local: true }] })
      isPassed(t, frame(test, client, to(84)), 'a backend of this node')
      t.equal(flowOf(xdp, test, client, to(84)), undefined, 'no flow is noted')
      serve(test, 85, { backends: [] })
      isPassed(t, frame(test, client, to(85)), 'nobody serves: refused by tc')
      serve(test, 86, { backends: [], drop: true })
      isPassed(t, frame(test, client, to(86)), 'policy Local: dropped by tc')
      serve(test, 87, { backends: [test.backend(5)], ranges: true })
      isPassed(t, frame(test, client, to(87)), 'outside the source ranges: dropped by tc')
      addAddress(xdp, test.backend(7).address)
      isPassed(t, frame(test, client, test.backend(7)), "a clusterIP's port that is no Service's: refused by tc")
      isPassed(t, frame(test, test.stranger, client), 'for no Service')
      t.equal(xdp.reason(Reason.SOURCE_RANGE), 0n, 'XDP counts none of them')
    })
  }

  t.test('ClientIP affinity that XDP notes is the one that tc follows', async t => {
    const backends = [1, 2, 3, 4, 5, 6].map(n => ({ ...TCP4.backend(n), local: n % 2 === 0 }))
    serve(TCP4, 90, { backends, affinity: 3600 })
    let local = 0
    for (let n = 1; n < 60; n++) {
      const client = { address: `10.7.0.${n}`, port: 1000 }
      const vip = { ...TCP4.vip, port: 90 }
      if (enter(frame(TCP4, client, vip)).verdict === XDP_VERDICT.TX) continue
      local++
      tc.run('tc_uplink_ingress', frame(TCP4, client, vip), { ifindex: uplinks.ifindex.up0 })
      const { backend } = flowOf(xdp, TCP4, client, vip)!
      const again = { ...client, port: 1001 }
      enter(frame(TCP4, again, vip))
      tc.run('tc_uplink_ingress', frame(TCP4, again, vip), { ifindex: uplinks.ifindex.up0 })
      if (flowOf(xdp, TCP4, again, vip)?.backend !== backend) t.fail(`${client.address} was moved`)
    }
    t.ok(local > 10 && local < 50, `${local} of 59 clients have a backend here`)
  })

  t.test('SCTP whose port would change', async t => {
    serve(SCTP4, 91, { backends: [{ ...SCTP4.backend(1), port: 92 }] })
    isPassed(t, frame(SCTP4, SCTP4.client, { ...SCTP4.vip, port: 91 }), 'another target port')
  })

  t.test('one packet of many goes by the stack, which asks for its neighbour again', async t => {
    const sent = frame(UDP4, UDP4.client, { ...UDP4.vip, port: 80 })
    const ends = performance.now() + 2000
    const verdicts = new Map<number, number>()
    while (performance.now() < ends) {
      const { verdict } = xdp.run('xdp_uplink', sent, { ifindex: uplinks.ifindex.up0 })
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }
    const passed = verdicts.get(XDP_VERDICT.PASS) ?? 0
    t.ok(passed > 0, `${passed} packets were passed on`)
    t.ok(passed * 20 < (verdicts.get(XDP_VERDICT.TX) ?? 0), `of ${verdicts.get(XDP_VERDICT.TX)}`)
  })

  t.test('no way, and no forwarding', async t => {
    const sent = frame(UDP6, UDP6.client, { ...UDP6.vip, port: 80 }, { flags: 'A' })
    isSent(t, sent, 'a way')
    run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0')
    // A way is believed for 16 jiffies.
    await sleep(400)
    isPassed(t, sent, 'the node does not forward')
    t.equal(tc.run('tc_uplink_ingress', sent, { ifindex: uplinks.ifindex.up0 }).verdict, VERDICT.SHOT, 'tc drops it')
    run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    isSent(t, sent, 'and again')
  })
}
