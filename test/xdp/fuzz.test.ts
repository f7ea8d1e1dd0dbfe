// SPDX-License-Identifier: Apache-2.0
/**
 * Random and damaged packets: XDP passes them on untouched or sends what tc would have sent, byte for byte, whichever of the two sees
 * a packet first. FUZZ_PACKETS sets how many, FUZZ_SEED which.
 */
import t from 'tap'
import { Scope } from '../../agent/kernel/layout.gen.ts'
import { type Dataplane, VERDICT, XDP_VERDICT } from '../bpf/harness.ts'
import { troubles, watchKernelLog } from '../bpf/kernel-log.ts'
import { addService } from '../bpf/services.ts'
import { inOwnNetwork } from '../own-network.ts'
import { macBytes, mappedBytes } from '../packet/address.ts'
import { describeFully } from '../packet/describe.ts'
import { type Population, randomFrame } from '../packet/generate.ts'
import { mutate } from '../packet/mutate.ts'
import { PROTO } from '../packet/protocol.ts'
import { type Random, xorshift } from '../packet/random.ts'
import { BEHIND, MAC, NODE, ROUTER_MAC, type Uplinks, upUplinks } from './uplinks.ts'

const PACKETS = Number(process.env.FUZZ_PACKETS ?? 100_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const CLIENTS = { 4: ['10.1.1.1', '10.1.1.2'], 6: ['fd00:1::1', 'fd00:1::2'] } as const
const BACKENDS = { 4: ['10.2.2.1', '10.2.2.2'], 6: ['fd00:2::1', 'fd00:2::2'] } as const
const VIPS = { 4: ['203.0.113.1', '203.0.113.2'], 6: ['2001:db8:113::1', '2001:db8:113::2'] } as const
const NAMES = { 4: [NODE[4], '10.0.9.1'], 6: [NODE[6], 'fd00:9::1'] } as const

const all = (version: 4 | 6) => [
  ...CLIENTS[version],
  ...BACKENDS[version],
  ...VIPS[version],
  ...VIPS[version],
  ...NAMES[version],
  NODE[version],
  BEHIND.up1[version],
]
const POPULATION: Population = {
  addresses4: all(4),
  addresses6: all(6),
  ports: [80, 80, 81, 8080, 8080, 1000, 1001, 30_080],
}
const ENDS = ['passed', 'sent', 'sent by another uplink'] as const
type End = (typeof ENDS)[number]

function addServices(plane: Dataplane): void {
  for (const version of [4, 6] as const) {
    const [one, two] = VIPS[version]
    const any = version === 4 ? '0.0.0.0' : '::'
    const away = [...BACKENDS[version], BEHIND.up1[version]].map(address => ({ address, port: 8080 }))
    const mixed = [...away, { address: CLIENTS[version][0], port: 8080, local: true }]
    const scope = Scope.EXTERNAL
    for (const proto of [PROTO.TCP, PROTO.UDP]) {
      addService(plane, { frontends: [{ address: one, port: 80, proto, scope }], backends: away })
      addService(plane, { frontends: [{ address: one, port: 81, proto, scope }], backends: [] })
      addService(plane, { frontends: [{ address: two, port: 80, proto, scope }], backends: mixed, affinity: 1 })
      addService(plane, { frontends: [{ address: two, port: 81, proto, scope }], backends: away, ranges: true })
      addService(plane, { frontends: [{ address: any, port: 30_080, proto, scope }], backends: mixed })
    }
    const samePort = away.map(({ address }) => ({ address, port: 80 }))
    addService(plane, { frontends: [{ address: one, port: 80, proto: PROTO.SCTP, scope }], backends: samePort })
    for (const name of NAMES[version]) plane.nodeAddrs.update(mappedBytes(name), 2)
  }
}

function nextFrame(random: Random): Buffer {
  const frame = randomFrame(random, POPULATION)
  macBytes(MAC.up0).copy(frame)
  return random.once(3) ? mutate(random, frame) : frame
}

const SYN = 2
const FIN_OR_RST = 5

/** A SYN that ends what it begins: of two alike, each begins a flow, with a source port of its own. */
function beginsTwice(frame: Buffer): boolean {
  const header = frame.readUInt16BE(12) === 0x86dd ? 40 : 20
  const flags = frame[14 + header + 13] ?? 0
  return (flags & SYN) !== 0 && (flags & FIN_OR_RST) !== 0
}

const withoutMacs = (frame: Buffer) => frame.subarray(12)

/** How it ended, or throws with what is wrong about it. */
function judge({ xdp, tc, ifindex }: Uplinks, frame: Buffer, tcFirst: boolean): End {
  const run = () => tc.run('tc_uplink_ingress', frame, { ifindex: ifindex.up0 })
  const before = tcFirst ? run() : undefined
  const { verdict, frame: out } = xdp.run('xdp_uplink', frame, { ifindex: ifindex.up0 })
  if (verdict === XDP_VERDICT.PASS) {
    if (!out.equals(frame)) throw new Error(`passed on, but changed: ${describeFully(out)}`)
    if (!tcFirst) run()
    return 'passed'
  }
  const by = verdict === XDP_VERDICT.TX ? 'up0' : 'up1'
  if (verdict !== XDP_VERDICT.TX && verdict !== XDP_VERDICT.REDIRECT) throw new Error(`verdict ${verdict}`)
  const macs = Buffer.concat([macBytes(ROUTER_MAC[by]), macBytes(MAC[by])])
  if (!out.subarray(0, 12).equals(macs)) throw new Error(`sent to ${describeFully(out)}`)
  const other = before ?? run()
  if (other.verdict !== VERDICT.REDIRECT) throw new Error(`sent, but tc says ${other.verdict}`)
  if (!withoutMacs(other.frame).equals(withoutMacs(out)))
    throw new Error(`tc would send\n${describeFully(other.frame)}\nand not\n${describeFully(out)}`)
  return by === 'up0' ? 'sent' : 'sent by another uplink'
}

if (inOwnNetwork(import.meta.filename))
  t.test(`${PACKETS} packets with seed ${SEED}`, { timeout: 1_800_000 }, async t => {
    const messagesSince = watchKernelLog()
    const uplinks = upUplinks()
    addServices(uplinks.xdp)
    const random = xorshift(SEED)
    const counts = new Map<End, number>(ENDS.map(end => [end, 0]))
    let failures = 0
    for (let n = 0; n < PACKETS && failures < 10; ) {
      const frame = nextFrame(random)
      // What test runs take of tc: an IP header must be whole.
      if (frame.length < 54 || beginsTwice(frame)) continue
      n++
      const tcFirst = random.once(2)
      try {
        const end = judge(uplinks, frame, tcFirst)
        counts.set(end, counts.get(end)! + 1)
      } catch (error) {
        failures++
        t.fail(`packet ${n}, ${tcFirst ? 'tc' : 'XDP'} first: ${(error as Error).message}`, {
          sent: describeFully(frame),
        })
      }
    }
    uplinks.close()
    t.comment([...counts].map(([end, count]) => `${end} ${count}`).join(', '))
    t.equal(failures, 0, 'no packet was mangled')
    for (const [end, count] of counts) t.ok(count * 200 > PACKETS, `${end}: ${count}, enough to mean something`)
    t.same(troubles(messagesSince()), [], 'no warning in the kernel log')
  })
