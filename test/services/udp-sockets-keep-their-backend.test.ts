// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import type { DialOptions } from '../../lab/dial.ts'
import { takeAway } from '../cluster.ts'
import { BACKENDS, type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { allAnswered, dialOn, who } from './outcomes.ts'

/** Longer than any change takes; a client is stopped before. */
const SECONDS = 60

function udp(family: (typeof FAMILIES)[number], more: Partial<DialOptions> = {}): DialOptions {
  return { protocol: 'udp', address: vip(1, family), port: 80, ...more }
}

async function answersComeFromTheService(t: Test, { lab }: Cluster): Promise<void> {
  for (const family of FAMILIES)
    for (const connected of [false, true]) {
      const outcomes = await lab.dial('client', udp(family, { connected, count: 20 }))
      allAnswered(t, outcomes, 20, `${connected ? '' : 'un'}connected sockets over ${family}`)
      t.same([...new Set(outcomes.map(({ from }) => from))], [`${vip(1, family)} 80`], 'all from what was dialled')
    }
}

async function takeOut({ lab, settled, live }: Cluster, pod: string): Promise<() => Promise<void>> {
  const before = live().flatMap(({ backends }) => backends).length
  const putBack = await takeAway(lab.podFile(pod))
  await settled(`${pod} is gone`, services => services.flatMap(({ backends }) => backends).length < before)
  return async () => {
    await putBack()
    await settled(`${pod} is back`, services => services.flatMap(({ backends }) => backends).length === before)
  }
}

async function staysWhileOthersChange(t: Test, cluster: Cluster): Promise<void> {
  const clients = FAMILIES.map(family =>
    dialOn(cluster.lab, 'client', udp(family, { shared: true, seconds: SECONDS, pause: 5 })),
  )
  const used = new Set((await Promise.all(clients.map(({ next }) => next()))).map(({ pod }) => pod))
  for (const other of BACKENDS.filter(pod => !used.has(pod))) {
    const putBack = await takeOut(cluster, other)
    await sleep(100)
    await putBack()
  }
  for (const { next, stop, end } of clients) {
    await next()
    stop()
    const outcomes = await end
    allAnswered(t, outcomes, outcomes.length, 'one socket')
    t.equal(who(outcomes).length, 1, 'by one backend')
  }
}

async function movesWhenItsBackendGoes(t: Test, cluster: Cluster): Promise<void> {
  for (const family of FAMILIES) {
    const client = dialOn(
      cluster.lab,
      'client',
      udp(family, { shared: true, seconds: SECONDS, pause: 2, timeout: 1000 }),
    )
    const { pod = '' } = await client.next()
    const putBack = await takeOut(cluster, pod)
    // What was answered before may be on its way to us still.
    await sleep(100)
    const before = client.outcomes.length
    await sleep(100)
    await client.next()
    client.stop()
    const outcomes = await client.end
    const late = outcomes.slice(before)
    allAnswered(t, outcomes, outcomes.length, `one socket over ${family}`)
    t.ok(late.length > 0 && late.every(outcome => outcome.pod !== pod), `nothing to ${pod} once the maps say so`)
    t.same(new Set(outcomes.map(({ to }) => to)).size, 1, 'from one port')
    await putBack()
  }
}

prove({
  'answers come from the address that was dialled': answersComeFromTheService,
  'a socket stays with its backend while others come and go': staysWhileOthersChange,
  'a socket whose backend goes reaches another at once': movesWhenItsBackendGoes,
})
