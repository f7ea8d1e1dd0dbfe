// SPDX-License-Identifier: Apache-2.0
import type { Family } from '../../lab/plan.ts'
import { BACKENDS, type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, vip } from './manifests.ts'
import { allAnswered, who } from './outcomes.ts'

const POD = 'web-0'
const OWN = 2

async function alone(t: Test, { lab }: Cluster, family: Family): Promise<void> {
  const target = { address: vip(OWN, family), port: 80, timeout: 1000 }
  const outcomes = await lab.dial(
    POD,
    { ...target, protocol: 'http', count: 20 },
    { ...target, protocol: 'http', path: '/bytes/3000000' },
    { ...target, protocol: 'http', path: '/received', size: 3_000_000 },
    { ...target, protocol: 'udp', count: 20 },
    { ...target, protocol: 'udp', count: 20, connected: true },
    { ...target, protocol: 'udp', size: 60_000 },
  )
  allAnswered(t, outcomes, 63, family)
  t.same(who(outcomes), [POD], 'by itself')
  t.match(outcomes.slice(20, 22), [{ bytes: 3_000_000 }, { answer: '3000000' }], 'large transfers both ways')
  const sources = new Set(outcomes.slice(22).map(({ from }) => from))
  t.same([...sources], [`${target.address} ${target.port}`], 'datagrams come from the Service')
}

async function amongOthers(t: Test, { lab }: Cluster): Promise<void> {
  const kinds = FAMILIES.flatMap(family =>
    (['http', 'udp'] as const).map(protocol => ({ protocol, address: vip(1, family), port: 80, count: 40 })),
  )
  const outcomes = await lab.dial(POD, ...kinds)
  allAnswered(t, outcomes, kinds.length * 40, 'all kinds')
  for (const [i, { protocol, address }] of kinds.entries())
    t.same(who(outcomes.slice(i * 40, i * 40 + 40)), BACKENDS, `${protocol} to ${address}: itself and the others`)
}

prove(
  {
    'through a Service of its own, over IPv4': (t, cluster) => alone(t, cluster, 'IPv4'),
    'through a Service of its own, over IPv6': (t, cluster) => alone(t, cluster, 'IPv6'),
    'through a Service that it shares with others': amongOthers,
  },
  {
    manifests: { web: [service(), service({ name: 'own', number: OWN, spec: { selector: { pod: POD } } })] },
    nodes: 1,
  },
)
