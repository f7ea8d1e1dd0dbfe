// SPDX-License-Identifier: Apache-2.0
/** Fragments, IPv4 options, IPv6 extension headers, VLAN tags and packets cut short, from outside to every kind of address (semantics 11). */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { addressText } from '../packet/address.ts'
import { ethernet } from '../packet/ethernet.ts'
import { destinationOptions, type Extension, hopByHop } from '../packet/extension.ts'
import { fragments } from '../packet/fragments.ts'
import { ipv4 } from '../packet/ipv4.ts'
import { ipv6 } from '../packet/ipv6.ts'
import { parse } from '../packet/packet.ts'
import { type Message, PROTO, raw } from '../packet/protocol.ts'
import { udp } from '../packet/udp.ts'
import { type Cluster, FAMILIES, prove, type Test } from '../uplink/fixture.ts'
import { balanced } from '../uplink/manifests.ts'
import { exchange, macOf } from '../uplink/wire.ts'

const PODS = ['here', 'there'] as const
const NODE_PORT = { here: 30_881, there: 30_883 } as const
const BALANCER = {
  here: { IPv4: '203.0.113.10', IPv6: 'fd00:203::10' },
  there: { IPv4: '203.0.113.11', IPv6: 'fd00:203::11' },
}
const EXTERNAL = {
  here: { IPv4: '203.0.113.20', IPv6: 'fd00:203::20' },
  there: { IPv4: '203.0.113.21', IPv6: 'fd00:203::21' },
}
const PAYLOAD = Buffer.alloc(1200, 'evenkeel')
/** Bytes of each piece. */
const PIECE = 480
const WAIT_SECONDS = 0.4

interface Target {
  readonly what: string
  readonly pod: (typeof PODS)[number]
  readonly family: 'IPv4' | 'IPv6'
  readonly kind: 'nodePort' | 'balancer' | 'external'
  readonly address: string
  readonly port: number
  /** The client's, one for each target: replies are told apart by it. */
  readonly sport: number
}

interface Options {
  readonly options?: Buffer
  readonly extensions?: readonly Extension[]
}

let base = 20_000

/** With source ports that nobody has used yet. */
function targets(cluster: Cluster): Target[] {
  base += 100
  const all = PODS.flatMap(pod =>
    FAMILIES.flatMap(family => [
      { pod, family, kind: 'nodePort' as const, address: cluster.address('node1', family), port: NODE_PORT[pod] },
      { pod, family, kind: 'balancer' as const, address: BALANCER[pod][family], port: 80 },
      { pod, family, kind: 'external' as const, address: EXTERNAL[pod][family], port: 80 },
    ]),
  )
  return all.map((target, i) => ({
    ...target,
    what: `${target.kind} to ${target.pod}, ${target.family}`,
    sport: base + i,
  }))
}

function packet(cluster: Cluster, target: Target, message: Message, { options, extensions }: Options = {}): Buffer {
  const ends = { src: cluster.address('outside', target.family), dst: target.address }
  if (target.family === 'IPv4') return ipv4({ ...ends, id: target.sport, ...(options && { options }) }, message)
  return ipv6({ ...ends, ...(extensions && { extensions }) }, message)
}

function datagram(cluster: Cluster, target: Target, options?: Options): Buffer {
  return packet(cluster, target, udp({ sport: target.sport, dport: target.port, payload: PAYLOAD }), options)
}

/** Which targets answered, as it should be: from where they were dialled, and with all that was sent. */
function answered(all: readonly Target[], frames: readonly Buffer[]): string[] {
  const replies = frames.flatMap(frame => {
    const found = parse(frame)
    return found?.ip && found.transport?.kind === 'udp'
      ? [{ src: addressText(found.ip.src), udp: found.transport }]
      : []
  })
  const isAnswer = (target: Target) =>
    replies.some(
      ({ src, udp }) =>
        udp.dport === target.sport &&
        udp.sport === target.port &&
        src === target.address &&
        udp.payload.toString().startsWith(`${target.pod} `) &&
        udp.payload.subarray(-PAYLOAD.length).equals(PAYLOAD),
    )
  return all.filter(isAnswer).map(({ what }) => what)
}

/** Sends what `make` makes for each target from the client's wire, and gives who answered. */
async function send(
  cluster: Cluster,
  all: readonly Target[],
  make: (target: Target) => readonly Buffer[],
  tags: number[] = [],
) {
  const fields = { src: await macOf(cluster, 'outside'), dst: await macOf(cluster, 'node1'), tags }
  const frames = all.flatMap(make).map(bytes => ethernet(fields, bytes))
  return answered(all, await exchange(cluster, 'outside', frames, WAIT_SECONDS))
}

/** Every target answers. */
async function arrive(t: Test, cluster: Cluster, make: (target: Target) => readonly Buffer[]): Promise<void> {
  const all = targets(cluster)
  t.same(
    await send(cluster, all, make),
    all.map(({ what }) => what),
  )
}

/** None answers, and then a good packet of the same client is answered. */
async function vanish(t: Test, cluster: Cluster, make: (target: Target) => readonly Buffer[], tags: number[] = []) {
  const all = targets(cluster)
  t.same(await send(cluster, all, make, tags), [], 'no answer')
  await arrive(t, cluster, target => [datagram(cluster, target)])
}

function pieces(cluster: Cluster, target: Target): readonly [Buffer, Buffer, Buffer] {
  const [first, second, third] = fragments(datagram(cluster, target), PIECE, target.sport)
  return [first!, second!, third!]
}

const isVip = ({ kind }: Target) => kind !== 'nodePort'

function both(pod: (typeof PODS)[number]) {
  const addresses = Object.values(BALANCER[pod])
  const spec = { externalIPs: Object.values(EXTERNAL[pod]) }
  return balanced(addresses, { name: pod, nodePort: NODE_PORT[pod] - 1, selector: { pod }, spec })
}

prove(
  { manifests: { here: [both('here')], there: [both('there')] } },
  {
    'plain ones are answered': (t, cluster) => arrive(t, cluster, target => [datagram(cluster, target)]),
    'fragments in order': (t, cluster) => arrive(t, cluster, target => pieces(cluster, target)),
    'later fragments in any order': (t, cluster) =>
      arrive(t, cluster, target => {
        const [first, second, third] = pieces(cluster, target)
        return [first, third, second]
      }),
    'a later fragment before the first is counted and sent nowhere': async (t, cluster) => {
      const before = cluster.rejected('node1', Reason.FRAGMENT_UNKNOWN)
      const all = targets(cluster).filter(isVip)
      const early = (target: Target) => [pieces(cluster, target)[1], pieces(cluster, target)[2]]
      t.same(await send(cluster, all, early), [])
      t.equal(cluster.rejected('node1', Reason.FRAGMENT_UNKNOWN) - before, BigInt(2 * all.length), 'each is counted')
    },
    'IPv4 options and IPv6 extension headers': (t, cluster) =>
      arrive(t, cluster, target => [
        // No operation (RFC 791 3.1), and padding (RFC 8200 4.2).
        datagram(cluster, target, {
          options: Buffer.from([1, 1, 1, 1]),
          extensions: [hopByHop(), destinationOptions()],
        }),
      ]),
    'packets cut short': (t, cluster) =>
      vanish(t, cluster, target => [
        packet(cluster, target, raw(PROTO.UDP, Buffer.alloc(4, 1))),
        packet(cluster, target, raw(PROTO.TCP, Buffer.alloc(12, 1))),
        datagram(cluster, target).subarray(0, 30),
      ]),
    'frames with a VLAN tag are not of this network': (t, cluster) =>
      vanish(t, cluster, target => [datagram(cluster, target)], [7]),
  },
)
