// SPDX-License-Identifier: Apache-2.0
/** A load balancer's address and an external one, routed to a node, are served there; only clients in the source ranges are let in. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { eventually } from '../eventually.ts'
import { type Cluster, prove, seen, type Test, turnsAway } from './fixture.ts'
import { balanced, service } from './manifests.ts'

const BALANCER = { IPv4: '203.0.113.10', IPv6: 'fd00:203::10' } as const
const EXTERNAL = { IPv4: '203.0.113.20', IPv6: 'fd00:203::20' } as const
const FAMILIES = ['IPv4', 'IPv6'] as const

const here = { selector: { pod: 'here' } }
const there = { selector: { pod: 'there' } }
const external = { externalIPs: Object.values(EXTERNAL) }

function ranges(...loadBalancerSourceRanges: readonly string[]) {
  return balanced(Object.values(BALANCER), { ...here, nodePort: 30_200, spec: { loadBalancerSourceRanges } })
}

async function reached(cluster: Cluster, addresses: typeof BALANCER | typeof EXTERNAL): Promise<string[]> {
  const found: string[] = []
  for (const family of FAMILIES)
    for (const protocol of ['http', 'udp'] as const)
      found.push(...(await cluster.dial(addresses[family], 80, { protocol, timeout: 500 })).map(seen))
  return found
}

async function routed(t: Test, cluster: Cluster): Promise<void> {
  for (const family of FAMILIES)
    for (const address of [BALANCER[family], EXTERNAL[family]]) {
      const added = await cluster.lab.exec('outside', [
        'ip',
        'route',
        'add',
        address,
        'via',
        cluster.address('node1', family),
      ])
      t.equal(added.code, 0, added.stderr)
    }
}

const manifests = {
  web: [balanced(Object.values(BALANCER), { ...here, nodePort: 30_200 })],
  external: [service({ name: 'external', ...there, nodePort: 30_210, spec: external })],
}

prove(
  { manifests },
  {
    'a load balancer leads to a backend that sees the client': async (t, cluster) => {
      await routed(t, cluster)
      const clients = FAMILIES.map(family => `here ${cluster.address('outside', family)}`)
      t.same(
        await reached(cluster, BALANCER),
        clients.flatMap(client => [client, client]),
      )
    },
    'an external address leads to a backend of another node': async (t, cluster) => {
      const nodes = FAMILIES.map(family => `there ${cluster.address('node1', family)}`)
      t.same(
        await reached(cluster, EXTERNAL),
        nodes.flatMap(node => [node, node]),
      )
    },
    'clients outside the source ranges are dropped, in both families': async (t, cluster) => {
      await cluster.put('web', ranges('192.0.2.0/24'))
      await turnsAway(t, cluster, 'node1', Reason.SOURCE_RANGE, async () => {
        await waitFor(t, async () => (await reached(cluster, BALANCER)).every(outcome => outcome === 'ETIMEDOUT'))
      })
      const [ported] = await cluster.dial(cluster.address('node1'), 30_200)
      t.equal(ported?.pod, 'here', 'nodePorts are not filtered')
      t.same((await reached(cluster, EXTERNAL)).length, 4, 'nor are other Services')
    },
    'clients inside are served, each family by its own ranges': async (t, cluster) => {
      await cluster.put('web', ranges('192.0.2.0/24', '172.31.0.0/16'))
      const client = `here ${cluster.address('outside')}`
      await waitFor(t, async () => {
        const found = await reached(cluster, BALANCER)
        return found.join() === [client, client, 'ETIMEDOUT', 'ETIMEDOUT'].join()
      })
      await cluster.put('web', ranges('172.31.0.0/16', 'fd00:31::/64'))
      await waitFor(t, async () => !(await reached(cluster, BALANCER)).includes('ETIMEDOUT'))
    },
    'a restart keeps the ranges, and writes nothing': async (t, cluster) => {
      const before = cluster.look('node1', ({ ranges }) => [...ranges.entries()].length)
      t.equal(before, 4, 'two ranges of two Service ports')
      await cluster.lab.stopAgent('node1')
      await cluster.lab.startAgent('node1')
      t.equal(
        cluster.look('node1', ({ ranges }) => [...ranges.entries()].length),
        before,
      )
      t.notOk((await reached(cluster, BALANCER)).includes('ETIMEDOUT'))
    },
    'without ranges everybody is served, and none is left behind': async (t, cluster) => {
      await cluster.put('web', balanced(Object.values(BALANCER), { ...here, nodePort: 30_200 }))
      await waitFor(t, async () => cluster.look('node1', ({ ranges }) => [...ranges.entries()].length) === 0)
      t.notOk((await reached(cluster, BALANCER)).includes('ETIMEDOUT'))
    },
  },
)

async function waitFor(t: Test, holds: () => Promise<boolean>): Promise<void> {
  t.ok(await eventually(holds), 'soon')
}
