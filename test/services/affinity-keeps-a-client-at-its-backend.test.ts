// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import type { DialOptions } from '../../lab/dial.ts'
import { BACKENDS, type Cluster, prove, soon, type Test } from './fixture.ts'
import { FAMILIES, service, sticky, vip } from './manifests.ts'
import { allAnswered, who } from './outcomes.ts'

/** Several alike, so that an accident of the choice does not look like a rule. */
const LASTING = [1, 2, 3, 4]
const SHORT = [5, 6, 7, 8]
const SHORT_SECONDS = 2
const LIVE = 9
/** All of them choose alike once in 130,000 times. */
const MAX_ROUNDS = 12
const KINDS = FAMILIES.flatMap(family => (['http', 'udp'] as const).map(protocol => ({ family, protocol })))

function stickyService(number: number, spec: object) {
  return service({ name: `sticky-${number}`, number, spec })
}

const manifests = {
  lasting: LASTING.map(number => stickyService(number, sticky())),
  short: SHORT.map(number => stickyService(number, sticky(SHORT_SECONDS))),
  live: [stickyService(LIVE, {})],
}

/** Every kind of each Service, Service by Service. */
function targets(numbers: readonly number[], more: Partial<DialOptions> = {}): DialOptions[] {
  return numbers.flatMap(number =>
    KINDS.map(({ family, protocol }) => ({ protocol, address: vip(number, family), port: 80, ...more })),
  )
}

/** The backend that each of the targets has now. */
async function choices({ lab }: Cluster, numbers: readonly number[]): Promise<string[]> {
  return (await lab.dial('client', ...targets(numbers))).map(({ pod, error }) => pod ?? error ?? '')
}

async function sticks(t: Test, { lab }: Cluster): Promise<void> {
  const count = 5
  const chosen: string[] = []
  for (const from of ['client', 'neighbour', 'client']) {
    const outcomes = await lab.dial(from, ...targets(LASTING, { count }))
    allAnswered(t, outcomes, targets(LASTING).length * count, from)
    const groups = targets(LASTING).map((_, i) => who(outcomes.slice(i * count, (i + 1) * count)))
    t.ok(
      groups.every(pods => pods.length === 1),
      `each kind of connection from ${from} keeps to one backend`,
    )
    chosen.push(groups.join(' '))
  }
  t.comment(chosen.join('\n'))
  t.equal(chosen[2], chosen[0], 'the client’s is the same after the neighbour has come')
  t.not(chosen[1], chosen[0], 'two pods of a node have backends of their own')
}

async function isRefreshed(t: Test, { lab }: Cluster): Promise<void> {
  const pause = (SHORT_SECONDS * 1000) / 4
  await Promise.all(
    targets(SHORT.slice(0, 1), { count: 6, pause }).map(async target => {
      const outcomes = await lab.dial('client', target)
      allAnswered(t, outcomes, 6, `${target.protocol} to ${target.address}, each ${pause} ms after the last`)
      t.equal(who(outcomes).length, 1, 'by one backend')
    }),
  )
}

/** Asserts that every kind comes to another backend; one Service's kind stays by chance in 1 of 3 rounds. */
async function changes(t: Test, cluster: Cluster, numbers: readonly number[], seconds: number): Promise<void> {
  const first = await choices(cluster, numbers)
  const changed = new Set<number>()
  let rounds = 0
  while (changed.size < KINDS.length && rounds < MAX_ROUNDS) {
    rounds++
    await sleep(seconds * 1000 + 50)
    const now = await choices(cluster, numbers)
    for (const [i, pod] of now.entries()) if (pod !== first[i]) changed.add(i % KINDS.length)
    t.ok(now.every(pod => BACKENDS.some(name => name === pod)))
  }
  t.equal(changed.size, KINDS.length, `another backend for each kind of connection after ${rounds} times ${seconds} s`)
}

async function isSwitched(t: Test, cluster: Cluster): Promise<void> {
  const put = (spec: object) => cluster.put('live', stickyService(LIVE, spec))
  const reached = async () => {
    const target = { protocol: 'http', address: vip(LIVE), port: 80, count: 40 } as const
    return who(await cluster.lab.dial('client', target)).length
  }
  t.equal(await reached(), BACKENDS.length, 'without affinity, connections spread')
  await put(sticky())
  await soon(t, 'switched on, they keep to one backend', async () => (await reached()) === 1)
  await put(sticky(1))
  await cluster.settled('affinity of 1 s', services =>
    services
      .filter(({ service }) => service.includes(`sticky-${LIVE}`))
      .every(({ affinitySeconds }) => affinitySeconds === 1),
  )
  await changes(t, cluster, [LIVE], 1)
  await put({})
  await soon(t, 'switched off, they spread', async () => (await reached()) === BACKENDS.length)
}

prove(
  {
    'each pod keeps to its own backend, per Service port': sticks,
    'each new connection extends the time': isRefreshed,
    'after the time-out, a different backend answers eventually': (t, cluster) =>
      changes(t, cluster, SHORT, SHORT_SECONDS),
    'affinity is switched on and off, and its time changed, on a live Service': isSwitched,
  },
  { manifests },
)
