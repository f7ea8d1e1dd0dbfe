// SPDX-License-Identifier: Apache-2.0
/** Megabytes from and to a backend of this node and one of another; and through links with a smaller MTU than the client's. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, FAMILIES, prove, type Test } from './fixture.ts'
import { service } from './manifests.ts'

const SIZE = 4_000_000
const PORTS = { here: 30_400, there: 30_410 } as const
const manifests = {
  here: [service({ name: 'here', nodePort: PORTS.here, selector: { pod: 'here' } })],
  there: [service({ name: 'there', nodePort: PORTS.there, selector: { pod: 'there' } })],
}

async function transfers(t: Test, cluster: Cluster, pods: readonly (keyof typeof PORTS)[]): Promise<void> {
  for (const family of FAMILIES)
    for (const pod of pods) {
      const node = cluster.address('node1', family)
      const [down] = await cluster.dial(node, PORTS[pod], { path: `/bytes/${SIZE}`, timeout: 10_000 })
      t.equal(down?.bytes, SIZE, `${pod} ${family}: down (${down?.error ?? `${down?.ms} ms`})`)
      const [up] = await cluster.dial(node, PORTS[pod], { path: '/received', size: SIZE, timeout: 10_000 })
      t.equal(up?.answer, String(SIZE), `${pod} ${family}: up (${up?.error ?? `${up?.ms} ms`})`)
    }
}

async function datagrams(t: Test, cluster: Cluster, size: number): Promise<void> {
  for (const family of FAMILIES)
    for (const pod of ['here', 'there'] as const) {
      const options = { protocol: 'udp', size, count: 3, timeout: 1000 } as const
      const outcomes = await cluster.dial(cluster.address('node1', family), PORTS[pod] + 1, options)
      t.same(
        outcomes.map(({ pod, error }) => error ?? pod),
        [pod, pod, pod],
        `${pod} ${family}: ${size} bytes`,
      )
    }
}

async function ip(t: Test, cluster: Cluster, where: string, ...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const { code, stderr } = await cluster.lab.exec(where, ['ip', ...line.split(' ')])
    t.equal(code, 0, `${where}: ip ${line} ${stderr}`)
  }
}

prove(
  { manifests },
  {
    'up and down': (t, cluster) => transfers(t, cluster, ['here', 'there']),
    'datagrams in fragments': (t, cluster) => datagrams(t, cluster, 4000),
    'neighbours that must be asked for first cost nothing': async (t, cluster) => {
      for (const family of FAMILIES) {
        await cluster.lab.exec('node1', ['ip', 'neigh', 'flush', 'all'])
        const [outcome] = await cluster.dial(cluster.address('node1', family), PORTS.there)
        t.equal(outcome?.pod, 'there')
        t.ok(outcome!.ms < 900, `no SYN was sent again: ${outcome?.ms} ms`)
      }
    },
    'through a smaller link behind this node': async (t, cluster) => {
      const { plan } = cluster.lab
      const { podCIDRs, addresses } = plan.nodes.find(({ name }) => name === 'node2')!
      await ip(t, cluster, 'node1', `route change ${podCIDRs.v4} via ${addresses.v4} mtu lock 1300`)
      await ip(t, cluster, 'node1', `route change ${podCIDRs.v6} via ${addresses.v6} mtu lock 1300`)
      await transfers(t, cluster, ['there'])
      t.ok(cluster.rejected('node1', Reason.TOO_BIG) > 0n, 'the client was told')
    },
    'through a smaller link behind another node': async (t, cluster) => {
      const { plan } = cluster.lab
      const { podCIDRs, addresses } = plan.nodes.find(({ name }) => name === 'node2')!
      await ip(t, cluster, 'node1', `route change ${podCIDRs.v4} via ${addresses.v4}`)
      await ip(t, cluster, 'node1', `route change ${podCIDRs.v6} via ${addresses.v6}`)
      await ip(t, cluster, 'node2', 'link set pod0 mtu 1280')
      for (const family of ['-4', '-6']) await cluster.lab.exec('outside', ['ip', family, 'route', 'flush', 'cache'])
      const before = cluster.rejected('node1', Reason.TOO_BIG)
      await transfers(t, cluster, ['there'])
      t.equal(cluster.rejected('node1', Reason.TOO_BIG), before, 'the other node told, and this one passed it on')
    },
  },
)
