// SPDX-License-Identifier: Apache-2.0
/** A client outside hears what becomes of its datagrams: a closed port of a backend, and too few hops, on any node of the way. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, FAMILIES, prove, type Test } from './fixture.ts'
import { withFewHops } from './hops.ts'
import { service } from './manifests.ts'

const CLOSED = { here: 30_700, there: 30_710 } as const
const OPEN = { here: 30_720, there: 30_730 } as const
const PODS = ['here', 'there'] as const

function closed(nodePort: number) {
  return { ports: [{ name: 'udp', port: 80, targetPort: 9, nodePort, protocol: 'UDP' }] }
}

const manifests = Object.fromEntries(
  PODS.map(pod => [
    pod,
    [
      service({ name: `${pod}-closed`, selector: { pod }, spec: closed(CLOSED[pod]) }),
      service({ name: pod, selector: { pod }, nodePort: OPEN[pod] }),
    ],
  ]),
)

async function hops(t: Test, { lab, address }: Cluster, pod: 'here' | 'there', routers: number): Promise<void> {
  for (const family of FAMILIES) {
    const to = { address: address('node1', family), port: OPEN[pod] + 1 }
    const outcomes = await withFewHops(lab, 'outside', to, routers + 1)
    const expected = [...Array.from({ length: routers }, () => 'EHOSTUNREACH'), 'answer']
    t.same(
      outcomes.map(outcome => outcome.split(' ')[0]),
      expected,
      `${pod} ${family}: ${outcomes.join(', ')}`,
    )
  }
}

prove(
  { manifests },
  {
    'a closed port of a backend': async (t, cluster) => {
      for (const pod of PODS)
        for (const family of FAMILIES) {
          const options = { protocol: 'udp', connected: true } as const
          const [outcome] = await cluster.dial(cluster.address('node1', family), CLOSED[pod], options)
          t.equal(outcome?.error, 'ECONNREFUSED', `${pod} ${family}`)
          t.ok(outcome!.ms < 500, `after ${outcome?.ms} ms`)
        }
    },
    'this node is a router to its own backends': (t, cluster) => hops(t, cluster, 'here', 1),
    'and two nodes are two routers to those of another': async (t, cluster) => {
      const before = cluster.rejected('node1', Reason.HOPS)
      await hops(t, cluster, 'there', 2)
      t.equal(cluster.rejected('node1', Reason.HOPS) - before, 2n, 'this node answered once in each family')
    },
  },
)
