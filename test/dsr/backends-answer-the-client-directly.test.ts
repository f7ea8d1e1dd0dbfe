// SPDX-License-Identifier: Apache-2.0
/**
 * A backend of another node sees the client's own address, and its replies come from the address that was dialled without
 * passing the node that was dialled.
 */
import type { LiveService } from '../../agent/cli/services.ts'
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, clientOf, FAMILIES, PROTOCOLS, prove, type Test } from '../uplink/fixture.ts'
import { forwarded, received } from './direct.ts'

const SIZE = 4_000_000
const PORTS = { there: 30_900, here: 30_910 } as const
const VIP = { IPv4: '203.0.113.90', IPv6: '2001:db8:90::1' } as const
const OTHER_VIP = '203.0.113.91'

const there = (forwarding: string) =>
  forwarded(forwarding, Object.values(VIP), { name: 'there', nodePort: PORTS.there, selector: { pod: 'there' } })
const manifests = {
  there: [there('dsr')],
  here: [forwarded('dsr', [OTHER_VIP], { name: 'here', nodePort: PORTS.here, selector: { pod: 'here' } })],
}

function isDirect(services: readonly LiveService[], wanted: boolean): boolean {
  const external = services.filter(({ service, scope }) => service.startsWith('default/there:') && scope === 'external')
  return external.length > 0 && external.every(({ forwarding }) => (forwarding === 'dsr') === wanted)
}

async function seenAs(t: Test, cluster: Cluster, pod: keyof typeof PORTS, who: string): Promise<void> {
  for (const family of FAMILIES)
    for (const [i, protocol] of PROTOCOLS.entries()) {
      const targets = [[cluster.address('node1', family), PORTS[pod] + i]] as [string, number][]
      if (pod === 'there') targets.push([VIP[family], 80])
      for (const [address, port] of targets) {
        const [outcome] = await cluster.dial(address, port, { protocol })
        const what = `${protocol} ${address} ${port}`
        t.equal(outcome?.error ?? outcome?.pod, pod, what)
        t.equal(clientOf(outcome!), cluster.address(who, family), `${what}: seen as ${who}`)
        t.equal(outcome?.from, `${address} ${port}`, `${what}: answered from what was dialled`)
      }
    }
}

async function transfers(t: Test, cluster: Cluster): Promise<void> {
  for (const family of FAMILIES) {
    const node = cluster.address('node1', family)
    const before = await received(cluster, 'node1')
    const [down] = await cluster.dial(node, PORTS.there, { path: `/bytes/${SIZE}`, timeout: 15_000 })
    t.equal(down?.bytes, SIZE, `${family}: down (${down?.error ?? `${down?.ms} ms`})`)
    const passed = (await received(cluster, 'node1')) - before
    t.ok(passed < SIZE / 4, `${family}: ${passed} bytes came to node1, of ${SIZE}`)
    const [up] = await cluster.dial(node, PORTS.there, { path: '/received', size: SIZE, timeout: 15_000 })
    t.equal(up?.answer, String(SIZE), `${family}: up (${up?.error ?? `${up?.ms} ms`})`)
  }
}

prove(
  { manifests },
  {
    'the backend sees the client, and the client what it dialled': async (t, cluster) => {
      const { v4, v6 } = cluster.lab.plan.nodes.find(({ name }) => name === 'node1')!.addresses
      await cluster.ip('outside', `route add ${VIP.IPv4} via ${v4}`, `route add ${VIP.IPv6} via ${v6}`)
      await seenAs(t, cluster, 'there', 'outside')
    },
    'as does a backend of the node that was dialled': (t, cluster) => seenAs(t, cluster, 'here', 'outside'),
    'large transfers, whose replies do not pass the node that was dialled': transfers,
    'datagrams in fragments and with no room for a note go through it': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const size of [1472 - (family === 'IPv4' ? 0 : 20), 4000]) {
          const options = { protocol: 'udp', size, count: 2, timeout: 1500 } as const
          const outcomes = await cluster.dial(cluster.address('node1', family), PORTS.there + 1, options)
          t.same(
            outcomes.map(({ pod, error }) => error ?? pod),
            ['there', 'there'],
            `${family}: ${size} bytes`,
          )
        }
    },
    'a closed port of a backend': async (t, cluster) => {
      await cluster.put(
        'closed',
        forwarded('dsr', ['203.0.113.92'], {
          name: 'closed',
          selector: { pod: 'there' },
          spec: { ports: [{ name: 'udp', port: 80, targetPort: 9, nodePort: 30_930, protocol: 'UDP' }] },
        }),
      )
      await cluster.settled(services => services.some(({ service }) => service.startsWith('default/closed')))
      for (const family of FAMILIES) {
        const options = { protocol: 'udp', connected: true } as const
        const [outcome] = await cluster.dial(cluster.address('node1', family), 30_930, options)
        t.equal(outcome?.error, 'ECONNREFUSED', family)
      }
    },
    'through a smaller link between the nodes, and behind the other one': async (t, cluster) => {
      const { podCIDRs, addresses } = cluster.lab.plan.nodes.find(({ name }) => name === 'node2')!
      const routes = (mtu: string) =>
        (['v4', 'v6'] as const).map(v => `route change ${podCIDRs[v]} via ${addresses[v]} ${mtu}`)
      await cluster.ip('node1', ...routes('mtu lock 1300'))
      const before = cluster.rejected('node1', Reason.TOO_BIG)
      await transfers(t, cluster)
      t.ok(cluster.rejected('node1', Reason.TOO_BIG) > before, 'the client was told')
      await cluster.ip('node1', ...routes(''))
      const device = cluster.lab.plan.pods.find(({ name }) => name === 'there')!.device
      await cluster.ip('node2', `link set ${device} mtu 1280`)
      for (const family of ['-4', '-6']) await cluster.lab.exec('outside', ['ip', family, 'route', 'flush', 'cache'])
      await transfers(t, cluster)
      await cluster.ip('node2', `link set ${device} mtu 1500`)
    },
    'switched between dsr and snat, no connection is lost': async (t, cluster) => {
      const dials = (['IPv4', 'IPv6'] as const).flatMap(family => [
        { path: '/trickle/100000?seconds=4', count: 6, parallel: 6, address: cluster.address('node1', family) },
        { path: '/client', seconds: 4, pause: 5, address: cluster.address('node1', family) },
      ])
      const under = dials.map(dial =>
        cluster.lab.dial('outside', { protocol: 'http', port: PORTS.there, timeout: 15_000, ...dial }),
      )
      for (const forwarding of ['snat', 'dsr', 'snat']) {
        await new Promise(resolve => setTimeout(resolve, 700))
        await cluster.put('there', there(forwarding))
        await cluster.settled(services => isDirect(services, forwarding === 'dsr'))
      }
      const outcomes = (await Promise.all(under)).flat()
      const failed = outcomes.filter(({ error }) => error !== undefined)
      t.same(failed, [], `${failed.length} of ${outcomes.length} failed`)
      t.equal(outcomes.filter(({ bytes }) => bytes === 100_000).length, 12, 'long ones ended whole')
      await seenAs(t, cluster, 'there', 'node1')
      await cluster.put('there', there('dsr'))
      await cluster.settled(services => isDirect(services, true))
    },
    'where replies do not get through, the third SYN goes through the node that was dialled': async (t, cluster) => {
      const client = cluster.lab.plan.outside[0]!.addresses
      const rules = (verb: string) => [
        `rule ${verb} from ${client.v4} iif eth0 blackhole`,
        `-6 rule ${verb} from ${client.v6} iif eth0 blackhole`,
      ]
      for (const rule of rules('add'))
        t.equal((await cluster.lab.exec('node2', ['ip', ...rule.split(' ')])).code, 0, rule)
      const dials = FAMILIES.map(family =>
        cluster.dial(cluster.address('node1', family), PORTS.there, { timeout: 9000 }),
      )
      for (const [i, outcomes] of (await Promise.all(dials)).entries()) {
        const family = FAMILIES[i]!
        t.equal(clientOf(outcomes[0]!), cluster.address('node1', family), `${family}: after ${outcomes[0]?.ms} ms`)
      }
      for (const rule of rules('del')) await cluster.lab.exec('node2', ['ip', ...rule.split(' ')])
    },
    'without an agent on the node that was dialled': async (t, cluster) => {
      await cluster.lab.stopAgent('node1', 'SIGKILL')
      await seenAs(t, cluster, 'there', 'outside')
    },
  },
)
