// SPDX-License-Identifier: Apache-2.0
/** A clusterIP that routes of the network outside lead to a node: served there, as kube-proxy does. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { FAMILIES, PROTOCOLS, prove, seen, turnsAway } from './fixture.ts'
import { service } from './manifests.ts'

const VIPS = { IPv4: '10.96.0.77', IPv6: 'fd00:96::77' }

const clusterIPs = { clusterIP: VIPS.IPv4, clusterIPs: Object.values(VIPS) }
const manifests = { web: [service({ spec: clusterIPs })] }

async function routes(cluster: import('./fixture.ts').Cluster): Promise<void> {
  for (const family of FAMILIES)
    await cluster.lab.exec('outside', ['ip', 'route', 'replace', VIPS[family], 'via', cluster.address('node1', family)])
}

prove(
  { manifests },
  {
    'a backend of that node sees the client, one of another node sees the node': async (t, cluster) => {
      await routes(cluster)
      for (const family of FAMILIES)
        for (const protocol of PROTOCOLS) {
          const outcomes = (await cluster.dial(VIPS[family], 80, { protocol, count: 20 })).map(seen)
          const client = cluster.address('outside', family)
          const expected = new Set([`here ${client}`, `there ${cluster.address('node1', family)}`])
          t.same(new Set(outcomes), expected, `${protocol} over ${family}`)
        }
    },
    'a port that no Service has is refused': async (t, cluster) => {
      for (const family of FAMILIES)
        await turnsAway(t, cluster, 'node1', Reason.NO_SUCH_PORT, async () => {
          const [outcome] = await cluster.dial(VIPS[family], 81, { count: 1 })
          t.equal(outcome?.error, 'ECONNREFUSED', `over ${family}`)
        })
    },
  },
)

prove(
  { manifests, config: { masqueradeAll: true } },
  {
    'with masqueradeAll a backend of that node sees the node, too': async (t, cluster) => {
      await routes(cluster)
      for (const family of FAMILIES)
        for (const protocol of PROTOCOLS) {
          const outcomes = (await cluster.dial(VIPS[family], 80, { protocol, count: 20 })).map(seen)
          const node = cluster.address('node1', family)
          t.same(new Set(outcomes), new Set([`here ${node}`, `there ${node}`]), `${protocol} over ${family}`)
        }
    },
  },
)
