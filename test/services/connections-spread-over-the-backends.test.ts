// SPDX-License-Identifier: Apache-2.0
import type { DialOptions } from '../../lab/dial.ts'
import { BACKENDS, type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { allAnswered, tally } from './outcomes.ts'

const CONNECTIONS = 300

/** Standard deviations of the binomial share of each backend: an even spread is outside of it once in 100,000 times. */
const DEVIATIONS = 4.5

function isEven(t: Test, counts: Readonly<Record<string, number>>, what: string): void {
  const share = 1 / BACKENDS.length
  const bound = DEVIATIONS * Math.sqrt(CONNECTIONS * share * (1 - share))
  const worst = Math.max(...BACKENDS.map(name => Math.abs((counts[name] ?? 0) - CONNECTIONS * share)))
  t.ok(worst <= bound, `${what}: at most ${bound.toFixed(1)} off ${CONNECTIONS * share}`)
  t.comment(`${JSON.stringify(counts)}, worst ${worst.toFixed(0)}, bound ${bound.toFixed(1)}`)
}

async function spread(t: Test, { lab }: Cluster, protocol: DialOptions['protocol']): Promise<void> {
  for (const from of ['client', 'stranger'])
    for (const family of FAMILIES) {
      const target = { protocol, address: vip(1, family), port: 80, count: CONNECTIONS, parallel: 8 }
      const outcomes = await lab.dial(from, target)
      const what = `${protocol} over ${family} from ${from}`
      allAnswered(t, outcomes, CONNECTIONS, what)
      isEven(t, tally(outcomes), what)
    }
}

prove({
  'TCP connections spread evenly over local and remote backends': (t, cluster) => spread(t, cluster, 'http'),
  'UDP sockets spread evenly over local and remote backends': (t, cluster) => spread(t, cluster, 'udp'),
})
