// SPDX-License-Identifier: Apache-2.0
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, vip } from './manifests.ts'
import { allAnswered } from './outcomes.ts'

const PODS = ['web-0', 'web-2']

async function reachesItself(t: Test, { lab }: Cluster, pod: string): Promise<void> {
  for (const family of FAMILIES) {
    const target = { address: vip(PODS.indexOf(pod) + 1, family), port: 80 }
    const outcomes = await lab.dial(
      pod,
      { ...target, protocol: 'http', count: 20 },
      { ...target, protocol: 'http', path: '/bytes/3000000' },
      { ...target, protocol: 'http', path: '/received', size: 3_000_000 },
      { ...target, protocol: 'udp', count: 20 },
      { ...target, protocol: 'udp', count: 20, connected: true },
      { ...target, protocol: 'udp', size: 60_000 },
    )
    allAnswered(t, outcomes, 63, `${pod} over ${family}`)
    t.same([...new Set(outcomes.map(({ pod }) => pod))], [pod], 'by itself')
    t.match(outcomes.slice(20, 22), [{ bytes: 3_000_000 }, { answer: '3000000' }], 'large transfers both ways')
    const datagrams = outcomes.slice(22)
    t.same([...new Set(datagrams.map(({ from }) => from))], [`${target.address} ${target.port}`], 'as the Service')
  }
}

/** The only backend of each Service is the pod that calls it. */
prove(
  Object.fromEntries(
    PODS.map(pod => [`${pod} reaches itself through its Service`, (t: Test, c: Cluster) => reachesItself(t, c, pod)]),
  ),
  {
    manifests: {
      own: PODS.map((pod, i) => service({ name: `own-${i}`, number: i + 1, spec: { selector: { pod } } })),
    },
  },
)
