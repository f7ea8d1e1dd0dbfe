// SPDX-License-Identifier: Apache-2.0
/**
 * Clients behind routers, with links of 1300 bytes on their way and of 1400 bytes between nodes, and a client on a second network, whose
 * replies leave there (semantics 11; several uplinks). Real transfers: without ICMP errors translated both ways they stall.
 */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { eventually } from '../eventually.ts'
import { type Cluster, clientOf, FAMILIES, HERE, PROTOCOLS, prove, seen, type Test, THERE } from '../uplink/fixture.ts'
import { withFewHops } from '../uplink/hops.ts'
import { balanced } from '../uplink/manifests.ts'

const PODS = ['here', 'there'] as const
const PORTS = { here: 30_920, there: 30_922 } as const
const BALANCER = {
  here: { IPv4: '203.0.113.10', IPv6: 'fd00:203::10' },
  there: { IPv4: '203.0.113.11', IPv6: 'fd00:203::11' },
}
const SIZE = 1_500_000
const CORE_MTU = 1300
const BACK_MTU = 1400

function web(pod: (typeof PODS)[number]) {
  return balanced(Object.values(BALANCER[pod]), { name: pod, nodePort: PORTS[pod], selector: { pod } })
}

type Way = 'up' | 'down'

/**
 * Both ways through a Service. Whoever has learned a path's MTU from what it sent announces a smaller segment size from then on: the way
 * whose errors are to be seen comes first.
 */
async function transfers(
  t: Test,
  cluster: Cluster,
  from: string,
  ways: readonly Way[],
  addressOf: (pod: (typeof PODS)[number], family: 'IPv4' | 'IPv6') => readonly [string, number],
) {
  for (const family of FAMILIES)
    for (const pod of PODS)
      for (const way of ways) {
        const options = way === 'up' ? { path: '/received', size: SIZE } : { path: `/bytes/${SIZE}` }
        const [outcome] = await cluster.dialFrom(from, ...addressOf(pod, family), { ...options, timeout: 8000 })
        const arrived = way === 'up' ? Number(outcome?.answer) : outcome?.bytes
        t.equal(outcome?.error ?? arrived, SIZE, `${from}, ${pod}, ${family}: ${way}, ${outcome?.ms} ms`)
      }
}

/** The path MTU that a pod has learned towards an address; 0: none. */
async function learned(cluster: Cluster, pod: string, address: string): Promise<number> {
  const { stdout } = await cluster.lab.exec(pod, ['ip', 'route', 'get', address])
  return Number(/ mtu (\d+)/.exec(stdout)?.[1] ?? 0)
}

/** As CNIs and distributions have it: what conntrack finds no sense in goes. */
const FIREWALL = `table inet outside {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state invalid drop
    ct state established,related accept
    ct state new accept
  }
}
`

prove(
  {
    manifests: { here: [web('here')], there: [web('there')] },
    topology: {
      networks: [{ name: 'fabric' }, { name: 'back', mtu: BACK_MTU }],
      podNetwork: 'back',
      nodes: [{ name: 'node1', uplink: 'bridge' }, { name: 'node2' }],
      routers: [
        { name: 'core', mtu: CORE_MTU },
        { name: 'edge', network: 'core' },
      ],
      outside: ['near', { name: 'far', network: 'edge' }, { name: 'side', network: 'back' }],
      pods: [HERE, THERE, { name: 'stranger', node: 'node2' }],
    },
  },
  {
    'where networks cross, sources are taken from any device that leads somewhere (loose rp_filter)': async (
      _,
      { lab },
    ) => {
      // Pods and routers reach node2 over one network, and are reached over the other: RFC 3704 2.4.
      for (const node of ['node1', 'node2'])
        await lab.exec(node, ['sh', '-c', 'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 >$file; done'])
    },
    'a node whose uplinks are bridges serves clients of each network, and answers there': async (t, cluster) => {
      const [fabric, back] = cluster.lab.plan.nodes[0]!.uplinks
      for (const [from, uplink] of [
        ['near', fabric!],
        ['far', fabric!],
        ['side', back!],
      ] as const)
        for (const family of FAMILIES)
          for (const pod of PODS)
            for (const [i, protocol] of PROTOCOLS.entries()) {
              const address = uplink.addresses[family === 'IPv4' ? 'v4' : 'v6']
              const [outcome] = await cluster.dialFrom(from, address, PORTS[pod] + i, { protocol })
              t.equal(outcome?.pod ?? outcome?.error, pod, `${protocol} from ${from} to ${address}`)
              t.equal(outcome?.from, `${address} ${PORTS[pod] + i}`)
              const client =
                pod === 'here' ? cluster.address(from, family) : back!.addresses[family === 'IPv4' ? 'v4' : 'v6']
              t.equal(outcome && clientOf(outcome), client, `${pod} sees ${client}`)
            }
    },
    'a pod of another node is a client like any': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const [i, protocol] of PROTOCOLS.entries()) {
          const [here] = await cluster.dialFrom('stranger', cluster.address('node1', family), PORTS.here + i, {
            protocol,
          })
          t.equal(here && seen(here), `here ${cluster.address('stranger', family)}`, `${protocol} over ${family}`)
          const [there] = await cluster.dialFrom('stranger', cluster.address('node1', family), PORTS.there + i, {
            protocol,
          })
          t.equal(there?.pod ?? there?.error, 'there', `${protocol} over ${family}, and back to its own node`)
        }
    },
    'transfers to a nodePort over a small link between nodes': async (t, cluster) => {
      await transfers(t, cluster, 'near', ['up', 'down'], (pod, family) => [
        cluster.address('node1', family),
        PORTS[pod],
      ])
      t.ok(cluster.rejected('node1', Reason.TOO_BIG) > 0n, 'node1 told the client')
    },
    "transfers to a balancer's address over a small link between routers": async (t, cluster) => {
      for (const family of FAMILIES)
        for (const pod of PODS)
          await cluster.ip('core', `route add ${BALANCER[pod][family]} via ${cluster.address('node1', family)}`)
      await transfers(t, cluster, 'far', ['down', 'up'], (pod, family) => [BALANCER[pod][family], 80])
      const [, back] = cluster.lab.plan.nodes[0]!.uplinks
      for (const family of FAMILIES) {
        const v = family === 'IPv4' ? 'v4' : 'v6'
        t.equal(await learned(cluster, 'here', cluster.address('far', family)), CORE_MTU, `here learned it, ${family}`)
        t.equal(await learned(cluster, 'there', back!.addresses[v]), CORE_MTU, `there learned it, ${family}`)
      }
    },
    'datagrams of 4000 bytes, in pieces on each of these links': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const pod of PODS) {
          const options = { protocol: 'udp', size: 4000, count: 3, timeout: 1500 } as const
          // The first ones may be lost: they teach path MTUs to those who send them.
          const whole = async () =>
            (await cluster.dialFrom('far', BALANCER[pod][family], 80, options)).every(found => found.pod === pod)
          t.ok(await eventually(whole), `${pod} ${family}`)
        }
    },
    'each router on the way, this node too, tells of too few hops': async (t, cluster) => {
      for (const family of FAMILIES) {
        const [core, edge] = cluster.lab.plan.routers.map(
          ({ inner }) => `EHOSTUNREACH ${inner.addresses[family === 'IPv4' ? 'v4' : 'v6']}`,
        )
        const trace = (pod: (typeof PODS)[number], most: number) =>
          withFewHops(cluster.lab, 'far', { address: BALANCER[pod][family], port: 80 }, most)
        const [here, there] = [await trace('here', 4), await trace('there', 5)]
        t.same([here.slice(0, 2), here.at(-1)], [[edge, core], 'answer'], `here: ${here.join(', ')}`)
        t.same([there.slice(0, 2), there.at(-1)], [[edge, core], 'answer'], `there: ${there.join(', ')}`)
        t.notOk([...here, ...there].includes('nothing'), 'nobody is silent')
        t.same([here.indexOf('answer'), there.indexOf('answer')], [3, 4], 'a node is a router')
      }
    },
    "a firewall on conntrack's word lets it all pass, where a bridge leaves conntrack to IP": async (t, cluster) => {
      const switches = '/proc/sys/net/bridge/bridge-nf-call-ip*tables'
      await cluster.lab.exec('node1', ['sh', '-c', `for file in ${switches}; do [ ! -e $file ] || echo 0 >$file; done`])
      for (const node of ['node1', 'node2']) {
        const { code, stderr } = await cluster.lab.exec(node, ['nft', '-f', '-'], { input: FIREWALL })
        t.equal(code, 0, stderr)
      }
      await transfers(t, cluster, 'near', ['up', 'down'], (pod, family) => [
        cluster.address('node1', family),
        PORTS[pod],
      ])
    },
    'neighbours that are not known cost no packet': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const pod of PODS) {
          for (const node of ['node1', 'node2'])
            await cluster.ip(node, 'neigh flush dev br0', 'neigh flush dev br1').catch(() => undefined)
          const [outcome] = await cluster.dialFrom('near', cluster.address('node1', family), PORTS[pod])
          t.equal(outcome?.pod ?? outcome?.error, pod)
          t.ok(outcome!.ms < 900, `${pod} ${family}: no SYN was sent again: ${outcome?.ms} ms`)
        }
    },
  },
)
