// SPDX-License-Identifier: Apache-2.0
/**
 * The least that must work on every kernel, with pods that are served when they dial and uplinks by XDP, and with both by tc: a lab
 * each. `make test` has the rest for the kernel that is there.
 */
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

/** The node's own processes have no device that a program could be at: they are served when they dial, or not at all. */
async function isServed(t: Test, cluster: Cluster, withNode = true): Promise<void> {
  for (const family of FAMILIES)
    for (const [i, protocol] of PROTOCOLS.entries()) {
      const node = cluster.address('node1', family)
      t.same(
        await answers(cluster, 'here', VIP[family], 80, protocol),
        ['here', 'there'],
        `${family} ${protocol}: a pod`,
      )
      if (withNode)
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

/** Before kernel 5.18 a hook can't say so to who dials, but a program of a pod's device answers. */
function refuses(pod: RegExp) {
  return async (t: Test, cluster: Cluster) => {
    for (const family of FAMILIES) {
      const [outside] = await cluster.dial(cluster.address('node1', family), PORT + 2, { timeout: 60_000 })
      t.equal(outside && seen(outside), 'ECONNREFUSED', `${family}: outside`)
      const [dialled] = await cluster.dialFrom('here', NOBODY[family], 80, { timeout: 20_000 })
      t.match(dialled && seen(dialled), pod, `${family}: a pod`)
    }
  }
}

const REFUSED = /^ECONNREFUSED$/
const UNANSWERED = /^(?:timeout|ETIMEDOUT)$/

prove(
  { manifests, modes: ['native'] },
  {
    'pods, the node and clients outside reach backends here and there': (t, cluster) => isServed(t, cluster),
    'who dials a Service without backends is refused; before kernel 5.18 only from outside': refuses(
      reached(release(), 5, 18) ? REFUSED : UNANSWERED,
    ),
    'without an agent, and with the next one': async (t, cluster) => {
      await cluster.lab.stopAgent('node1', 'SIGKILL')
      await isServed(t, cluster)
      await cluster.lab.startAgent('node1')
      await isServed(t, cluster)
    },
  },
)

prove(
  { manifests, modes: ['off'], config: { podPath: 'packet' } },
  {
    'pods and clients outside reach backends here and there': (t, cluster) => isServed(t, cluster, false),
    'who dials a Service without backends is refused': refuses(REFUSED),
  },
)
