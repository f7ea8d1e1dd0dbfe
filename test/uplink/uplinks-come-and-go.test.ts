// SPDX-License-Identifier: Apache-2.0
/** A second way out, made while the agent runs: replies leave where their client is; without its route the programs go. */
import { FAR_END_FEATURES, farEndLine, IP } from '../../lab/far-end.ts'
import { eventually } from '../eventually.ts'
import { FAMILIES, prove, seen, type Test } from './fixture.ts'
import { service } from './manifests.ts'

const PORTS = { here: 30_800, there: 30_810 } as const
const NODE = { IPv4: '172.30.9.1', IPv6: 'fd00:309::1' } as const
const CLIENT = { IPv4: '172.30.9.2', IPv6: 'fd00:309::2' } as const
const manifests = {
  here: [service({ name: 'here', nodePort: PORTS.here, selector: { pod: 'here' } })],
  there: [service({ name: 'there', nodePort: PORTS.there, selector: { pod: 'there' } })],
}

type Cluster = Parameters<Parameters<typeof prove>[1][string]>[1]

async function ip(t: Test, { lab }: Cluster, where: string, ...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const { code, stderr } = await lab.exec(where, ['sh', '-c', `${IP} ${line}`])
    t.equal(code, 0, `${where}: ip ${line} ${stderr}`)
  }
}

async function devices({ lab }: Cluster): Promise<string[]> {
  const { stdout } = await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])
  const { programs } = JSON.parse(stdout) as { programs: { device: string; program: string }[] }
  return [...new Set(programs.filter(({ program }) => program.startsWith('tc_uplink')).map(({ device }) => device))]
}

/** As lab up does it for the far ends of uplinks with XDP. */
async function ready(t: Test, cluster: Cluster): Promise<void> {
  if (cluster.xdp === 'off') return
  const { code } = await cluster.lab.exec('outside', ['ethtool', '-K', 'up1', ...FAR_END_FEATURES.split(' ')])
  t.equal(code, 0)
  await ip(t, cluster, 'outside', farEndLine('up1'))
}

prove(
  { manifests },
  {
    'a device becomes an uplink with its first route over a gateway': async (t, cluster) => {
      t.same(await devices(cluster), ['eth0'])
      const { netns } = cluster.lab.plan.outside[0]!
      await ip(t, cluster, 'node1', `link add up1 type veth peer name up1 netns ${netns}`)
      for (const [where, { IPv4, IPv6 }] of [
        ['node1', NODE],
        ['outside', CLIENT],
      ] as const)
        await ip(
          t,
          cluster,
          where,
          `addr add ${IPv4}/24 dev up1`,
          `addr add ${IPv6}/64 dev up1 nodad`,
          'link set up1 up',
        )
      await ready(t, cluster)
      t.same(await devices(cluster), ['eth0'], 'not yet')
      await ip(t, cluster, 'node1', `route add 192.0.2.0/24 via ${CLIENT.IPv4}`)
      t.ok(await eventually(async () => (await devices(cluster)).includes('up1')), 'attached')
    },
    'clients there are served, by backends of either node': async (t, { dial, address }) => {
      for (const family of FAMILIES)
        for (const protocol of ['http', 'udp'] as const) {
          const offset = protocol === 'udp' ? 1 : 0
          const [here] = await dial(NODE[family], PORTS.here + offset, { protocol })
          t.equal(here && seen(here), `here ${CLIENT[family]}`, `${protocol} over ${family}`)
          const [there] = await dial(NODE[family], PORTS.there + offset, { protocol })
          t.equal(there && seen(there), `there ${address('node1', family)}`, `${protocol} over ${family}`)
          t.equal(there?.from, `${NODE[family]} ${PORTS.there + offset}`)
        }
    },
    'and is none any more without it': async (t, cluster) => {
      await ip(t, cluster, 'node1', 'route del 192.0.2.0/24')
      t.ok(await eventually(async () => !(await devices(cluster)).includes('up1')), 'detached')
      const uplinks = cluster.look(
        'node1',
        ({ uplinks }) => [...uplinks.entries()].filter(([ifindex]) => ifindex !== 0).length,
      )
      t.equal(uplinks, 1, 'ek_uplinks, too')
      const [outcome] = await cluster.dial(cluster.address('node1'), PORTS.there)
      t.equal(outcome?.pod, 'there', 'the other uplink serves')
    },
  },
)
