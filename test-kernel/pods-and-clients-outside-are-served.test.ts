// SPDX-License-Identifier: Apache-2.0
/** The least that must work on every kernel, by tc and by XDP, in one lab each: `make test` has the rest for the kernel that is there. */
import { release } from 'node:os'
import { reached } from '../agent/preflight/rights.ts'
import { type Cluster, FAMILIES, PROTOCOLS, prove, seen, type Test } from '../test/uplink/fixture.ts'
import { service } from '../test/uplink/manifests.ts'

const PORT = 30_700
const VIP = { IPv4: '10.96.7.7', IPv6: 'fd00:96::7:7' } as const
const NOBODY = { IPv4: '10.96.7.8', IPv6: 'fd00:96::7:8' } as const
const COUNT = 16
const manifests = {
  web: [service({ name: 'web', nodePort: PORT, spec: { clusterIPs: Object.values(VIP) } })],
  nobody: [
    service({
      name: 'nobody',
      nodePort: PORT + 2,
      selector: { app: 'none' },
      spec: { clusterIPs: Object.values(NOBODY) },
    }),
  ],
}

/** Who answered, or what went wrong. */
async function answers(cluster: Cluster, where: string, address: string, port: number, protocol: 'http' | 'udp') {
  const outcomes = await cluster.dialFrom(where, address, port, { count: COUNT, protocol, timeout: 60_000 })
  return [...new Set(outcomes.map(({ pod, error }) => pod ?? error ?? ''))].toSorted()
}

async function isServed(t: Test, cluster: Cluster): Promise<void> {
  for (const family of FAMILIES)
    for (const [i, protocol] of PROTOCOLS.entries()) {
      const node = cluster.address('node1', family)
      t.same(
        await answers(cluster, 'here', VIP[family], 80, protocol),
        ['here', 'there'],
        `${family} ${protocol}: a pod`,
      )
      t.same(
        await answers(cluster, 'node1', node, PORT + i, protocol),
        ['here', 'there'],
        `${family} ${protocol}: the node`,
      )
      t.same(
        await answers(cluster, 'outside', node, PORT + i, protocol),
        ['here', 'there'],
        `${family} ${protocol}: outside`,
      )
    }
}

prove(
  { manifests, modes: ['native'] },
  {
    'pods, the node and clients outside reach backends here and there': isServed,
    'who dials a Service without backends is refused; before kernel 5.18 only from outside': async (t, cluster) => {
      for (const family of FAMILIES) {
        const [outside] = await cluster.dial(cluster.address('node1', family), PORT + 2, { timeout: 60_000 })
        t.equal(outside && seen(outside), 'ECONNREFUSED', `${family}: outside`)
        const [pod] = await cluster.dialFrom('here', NOBODY[family], 80, { timeout: 20_000 })
        const expected = reached(release(), 5, 18) ? /^ECONNREFUSED$/ : /^(?:timeout|ETIMEDOUT)$/
        t.match(pod && seen(pod), expected, `${family}: a pod`)
      }
    },
    'without an agent, and with the next one': async (t, cluster) => {
      await cluster.lab.stopAgent('node1', 'SIGKILL')
      await isServed(t, cluster)
      await cluster.lab.startAgent('node1')
      await isServed(t, cluster)
    },
  },
)
