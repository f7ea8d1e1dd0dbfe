// SPDX-License-Identifier: Apache-2.0
/** What a client outside may dial (semantics 2): nodePorts at the addresses that nodePortAddresses selects, balancers' and external IPs. */
import { eventually } from '../eventually.ts'
import { type Cluster, FAMILIES, HERE, PROTOCOLS, prove, seen, type Test } from '../uplink/fixture.ts'
import { service } from '../uplink/manifests.ts'

const PORT = 30_800
const BALANCER = { IPv4: '203.0.113.10', IPv6: 'fd00:203::10' } as const
const PROXY = { IPv4: '203.0.113.11', IPv6: 'fd00:203::11' } as const
const EXTERNAL = { IPv4: '203.0.113.12', IPv6: 'fd00:203::12' } as const
const UNCHOSEN = { IPv4: '192.0.2.9', IPv6: 'fd00:192::9' } as const
const ADDED = { IPv4: '172.31.0.77', IPv6: 'fd00:31::77' } as const

const ingress = [
  ...Object.values(BALANCER).map(ip => ({ ip, ipMode: 'VIP' })),
  ...Object.values(PROXY).map(ip => ({ ip, ipMode: 'Proxy' })),
]
const status = { loadBalancer: { ingress } }
const spec = { type: 'LoadBalancer', externalIPs: Object.values(EXTERNAL) }
const unported = {
  ports: [{ name: 'http', port: 8080, targetPort: 'http' }],
  allocateLoadBalancerNodePorts: false,
  type: 'LoadBalancer',
}
const manifests = {
  web: [service({ nodePort: PORT, selector: { pod: 'here' }, spec, status })],
  unported: [service({ name: 'unported', spec: unported, status })],
}

const selected = ['172.31.0.0/16', 'fd00:31::/32', '127.0.0.0/8', '::1/128']

async function answers(t: Test, cluster: Cluster, from: string, address: string, port: number, who = from) {
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  for (const [i, protocol] of PROTOCOLS.entries()) {
    const [outcome] = await cluster.dialFrom(from, address, port === 80 ? 80 : port + i, { protocol })
    const client = who === '' ? '' : cluster.address(who, family)
    t.match(outcome && seen(outcome), `here ${client}`, `${protocol} from ${from} to ${address}`)
    t.equal(outcome?.from, `${address} ${port === 80 ? 80 : port + i}`)
  }
}

function nodeAddresses({ look }: Cluster): number {
  return look('node1', ({ nodeAddrs }) => [...nodeAddrs.entries()].length)
}

prove(
  {
    manifests,
    // No route over a gateway leads through the second network.
    config: { nodePortAddresses: selected, uplinkDevices: ['eth1'] },
    topology: {
      networks: [{ name: 'fabric' }, { name: 'back' }],
      nodes: [{ name: 'node1' }, { name: 'node2' }],
      pods: [HERE],
      outside: ['outside', { name: 'side', network: 'back' }],
    },
  },
  {
    'nodePorts answer at the addresses that are selected, those of a second network too': async (t, cluster) => {
      const [, back] = cluster.lab.plan.nodes[0]!.uplinks
      await answers(t, cluster, 'outside', cluster.address('node1'), PORT)
      await answers(t, cluster, 'outside', cluster.address('node1', 'IPv6'), PORT)
      await answers(t, cluster, 'side', back!.addresses.v4, PORT)
      await answers(t, cluster, 'side', back!.addresses.v6, PORT)
    },
    'at an address that comes later, and no more when it is gone': async (t, cluster) => {
      const before = nodeAddresses(cluster)
      await cluster.ip('node1', `addr add ${ADDED.IPv4}/24 dev eth0`, `addr add ${ADDED.IPv6}/64 dev eth0 nodad`)
      t.ok(await eventually(async () => nodeAddresses(cluster) === before + 2), 'both are seen')
      for (const family of FAMILIES) await answers(t, cluster, 'outside', ADDED[family], PORT)
      await cluster.ip('node1', `addr del ${ADDED.IPv4}/24 dev eth0`, `addr del ${ADDED.IPv6}/64 dev eth0`)
      t.ok(await eventually(async () => nodeAddresses(cluster) === before), 'and seen to go')
      for (const family of FAMILIES) {
        await cluster.ip('outside', `route replace ${ADDED[family]} via ${cluster.address('node1', family)}`)
        const [outcome] = await cluster.dial(ADDED[family], PORT, { timeout: 300 })
        t.equal(outcome?.pod, undefined, `${ADDED[family]}: ${outcome?.error}`)
      }
    },
    'at loopback, for the node itself': async (t, cluster) => {
      for (const address of ['127.0.0.1', '::1']) await answers(t, cluster, 'node1', address, PORT, '')
    },
    'and at no other address': async (t, cluster) => {
      await cluster.ip('node1', `addr add ${UNCHOSEN.IPv4}/32 dev lo`, `addr add ${UNCHOSEN.IPv6}/128 dev lo`)
      for (const family of FAMILIES) {
        await cluster.ip('outside', `route add ${UNCHOSEN[family]} via ${cluster.address('node1', family)}`)
        const [outcome] = await cluster.dial(UNCHOSEN[family], PORT)
        t.equal(outcome?.error, 'ECONNREFUSED', `${UNCHOSEN[family]} is left to the node`)
      }
    },
    "balancers' and external IPs answer, but not those that are a proxy's": async (t, cluster) => {
      for (const family of FAMILIES) {
        const via = (address: string) => `route add ${address} via ${cluster.address('node1', family)}`
        await cluster.ip('outside', ...[BALANCER, EXTERNAL, PROXY].map(addresses => via(addresses[family])))
        await answers(t, cluster, 'outside', BALANCER[family], 80)
        await answers(t, cluster, 'outside', EXTERNAL[family], 80)
        const [outcome] = await cluster.dial(PROXY[family], 80, { timeout: 300 })
        t.equal(outcome?.pod, undefined, `${PROXY[family]}: ${outcome?.error}`)
        const [other] = await cluster.dial(BALANCER[family], 8080)
        t.equal(other?.pod, 'here', 'two Services share an address')
      }
    },
    'without allocation there is no nodePort': async (t, cluster) => {
      const found = cluster.look('node1', ({ services, frontends }) => {
        const ids = new Set(
          [...services.entries()].filter(([, { name }]) => name.includes('unported')).map(([id]) => id),
        )
        return [...frontends.entries()].filter(([, { service }]) => ids.has(service)).map(([key]) => key)
      })
      t.ok(found.length > 0, 'the Service is there')
      t.same(
        found.filter(({ addr }) => addr.slice(12).every(byte => byte === 0)),
        [],
        'at addresses of its own only',
      )
    },
  },
)
