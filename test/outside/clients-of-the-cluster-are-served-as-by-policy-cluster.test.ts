// SPDX-License-Identifier: Apache-2.0
/**
 * externalTrafficPolicy Local rules clients outside (semantics 4): a pod of this node, or the node itself, that dials an external
 * address or this node's nodePort is served from anywhere; at another node's nodePort it is a client outside.
 */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, FAMILIES, PROTOCOLS, prove, seen, type Test, THERE, turnsAway } from '../uplink/fixture.ts'
import { balanced } from '../uplink/manifests.ts'

const PORT = 30_820
const BALANCER = { IPv4: '203.0.113.10', IPv6: 'fd00:203::10' } as const
const EXTERNAL = { IPv4: '203.0.113.12', IPv6: 'fd00:203::12' } as const
/** Nobody of the cluster. */
const RANGES = ['192.0.2.0/24', 'fd00:192::/64']

function web(spec: object = {}) {
  const local = { externalTrafficPolicy: 'Local', externalIPs: Object.values(EXTERNAL), ...spec }
  return balanced(Object.values(BALANCER), { nodePort: PORT, selector: { pod: 'there' }, spec: local })
}

const CLIENTS = ['node1/client', 'node1'] as const

async function everywhere(t: Test, cluster: Cluster, pod: string, from: string, addresses: readonly string[]) {
  for (const address of addresses)
    for (const [i, protocol] of PROTOCOLS.entries()) {
      const port = address.includes('203') ? 80 : PORT + i
      const [outcome] = await cluster.dialFrom(from, address, port, { protocol, timeout: 500 })
      t.equal(outcome?.pod ?? outcome?.error, pod, `${protocol} from ${from} to ${address}`)
    }
}

prove(
  {
    manifests: { web: [web()] },
    topology: {
      nodes: [{ name: 'node1' }, { name: 'node2' }],
      pods: [THERE, { name: 'client', node: 'node1' }, { name: 'stranger', node: 'node2' }],
    },
  },
  {
    'at external addresses and at nodePorts of their own node': async (t, cluster) => {
      for (const client of CLIENTS)
        for (const family of FAMILIES)
          await everywhere(t, cluster, 'there', client, [
            BALANCER[family],
            EXTERNAL[family],
            cluster.address('node1', family),
          ])
    },
    'at loopback, the node': async (t, cluster) => {
      for (const [i, protocol] of PROTOCOLS.entries())
        for (const address of ['127.0.0.1', '::1']) {
          const [outcome] = await cluster.dialFrom('node1', address, PORT + i, { protocol })
          t.equal(outcome?.pod ?? outcome?.error, 'there', `${protocol} to ${address}`)
        }
    },
    'a client outside is dropped there': async (t, cluster) => {
      for (const family of FAMILIES)
        await turnsAway(t, cluster, 'node1', Reason.NO_LOCAL_ENDPOINTS, () =>
          everywhere(t, cluster, 'ETIMEDOUT', 'outside', [cluster.address('node1', family)]),
        )
    },
    "and so is a pod of another node: it sees that node's backends alone": async (t, cluster) => {
      for (const family of FAMILIES) {
        await turnsAway(t, cluster, 'node1', Reason.NO_LOCAL_ENDPOINTS, () =>
          everywhere(t, cluster, 'ETIMEDOUT', 'stranger', [cluster.address('node1', family)]),
        )
        const [outcome] = await cluster.dialFrom('client', cluster.address('node2', family), PORT)
        t.equal(outcome && seen(outcome), `there ${cluster.address('client', family)}`, 'which see its own address')
      }
    },
    'source ranges are for clients outside: those with a socket on the node are served': async (t, cluster) => {
      await cluster.put('web', web({ loadBalancerSourceRanges: RANGES }))
      await cluster.settled(() => cluster.look('node1', ({ ranges }) => [...ranges.entries()].length) > 0)
      for (const client of CLIENTS)
        for (const family of FAMILIES) await everywhere(t, cluster, 'there', client, [BALANCER[family]])
      for (const family of FAMILIES) {
        await cluster.ip('outside', `route add ${BALANCER[family]} via ${cluster.address('node2', family)}`)
        await turnsAway(t, cluster, 'node2', Reason.SOURCE_RANGE, () =>
          everywhere(t, cluster, 'ETIMEDOUT', 'outside', [BALANCER[family]]),
        )
      }
    },
  },
)
