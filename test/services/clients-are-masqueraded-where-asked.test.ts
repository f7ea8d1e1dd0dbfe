// SPDX-License-Identifier: Apache-2.0
/** masqueradeAll and detectLocalMode: backends see the node in the place of its pods, or of those clients that are none. */
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { allAnswered, who } from './outcomes.ts'

const CONNECTIONS = 30

/** The pod or node whose address every backend saw, dialled from a pod through the Service. */
async function clientSeen(t: Test, { lab }: Cluster, from: string, of: string): Promise<void> {
  for (const family of FAMILIES) {
    const node = lab.plan.nodes.find(({ name }) => name === of)?.addresses[family === 'IPv4' ? 'v4' : 'v6']
    const address = node ?? lab.address(of, family)
    for (const protocol of ['http', 'udp'] as const) {
      const target = { protocol, address: vip(1, family), port: 80, path: '/client', count: CONNECTIONS }
      const outcomes = await lab.dial(from, target)
      allAnswered(t, outcomes, CONNECTIONS, `${from}, ${protocol} over ${family}`)
      t.equal(who(outcomes).length, 3, 'by all three backends')
      const others = outcomes.filter(({ answer = '' }) => !answer.replace('[', '').startsWith(address))
      t.same(others, [], `each saw ${of} as ${from}`)
    }
  }
}

prove(
  {
    'masqueradeAll: a pod is seen as its node by backends of both nodes': (t, cluster) =>
      clientSeen(t, cluster, 'client', 'node1'),
    'a pod that is a backend itself, too': (t, cluster) => clientSeen(t, cluster, 'web-2', 'node2'),
  },
  // Sockets can't do it: the agent serves packets then.
  { config: { masqueradeAll: true }, paths: ['socket'] },
)

prove(
  {
    'ClusterCIDR: a client of another address is seen as its node': (t, cluster) =>
      clientSeen(t, cluster, 'client', 'node1'),
    'a pod of that range keeps its own': (t, cluster) => clientSeen(t, cluster, 'stranger', 'stranger'),
  },
  {
    config: { detectLocalMode: 'ClusterCIDR', clusterCIDR: ['10.244.2.0/24', 'fd00:244:2::/64'] },
    paths: ['packet'],
  },
)

prove(
  {
    'InterfaceNamePrefix: a client behind another device is seen as its node': (t, cluster) =>
      clientSeen(t, cluster, 'client', 'node1'),
  },
  {
    config: { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'cali' } },
    paths: ['packet'],
  },
)
