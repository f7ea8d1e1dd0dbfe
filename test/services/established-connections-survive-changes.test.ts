// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { takeAway } from '../cluster.ts'
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { allAnswered, dialOn, who } from './outcomes.ts'

const SECONDS = 3
const TRANSFERS = 8
const BYTES = 1_000_000

const http = (family: (typeof FAMILIES)[number]) => ({ protocol: 'http', address: vip(1, family), port: 80 }) as const

/** One connection of each family that is kept in use, and transfers that take the whole time. */
function clients({ lab }: Cluster) {
  const path = `/trickle/${BYTES}?seconds=${SECONDS}`
  const limits = { timeout: 30_000, count: TRANSFERS, parallel: TRANSFERS, path }
  const idle = { shared: true, pause: 10, seconds: SECONDS }
  return {
    kept: FAMILIES.map(family => dialOn(lab, 'client', { ...http(family), ...idle })),
    transfers: FAMILIES.map(family => dialOn(lab, 'client', { ...http(family), ...limits })),
  }
}

async function expectUnharmed(t: Test, { kept, transfers }: ReturnType<typeof clients>): Promise<void> {
  for (const { end } of kept) {
    const outcomes = await end
    allAnswered(t, outcomes, outcomes.length, 'requests over one connection')
    t.equal(new Set(outcomes.map(({ to }) => to)).size, 1, 'that was never opened again')
    t.equal(who(outcomes).length, 1, 'by one backend')
  }
  for (const { end } of transfers) {
    const outcomes = await end
    allAnswered(t, outcomes, TRANSFERS, 'transfers')
    t.ok(
      outcomes.every(({ bytes }) => bytes === BYTES),
      'each complete, byte for byte',
    )
  }
}

/** Each backend in turn is out for a moment: whatever a connection uses, its own backend is among them. */
async function endpointsComeAndGo(t: Test, cluster: Cluster): Promise<void> {
  const running = clients(cluster)
  await Promise.all(running.kept.map(({ next }) => next()))
  await sleep(300)
  for (const pod of ['web-0', 'web-1', 'web-2']) {
    const count = (n: number) =>
      cluster.settled(`${n} backends`, services => services.every(({ backends }) => backends.length === n))
    const putBack = await takeAway(cluster.lab.podFile(pod))
    await count(2)
    await putBack()
    await count(3)
  }
  await expectUnharmed(t, running)
}

async function newConnectionsWork(t: Test, { lab }: Cluster, from: string): Promise<void> {
  const kinds = FAMILIES.flatMap(family => [http(family), { ...http(family), protocol: 'udp' } as const])
  const outcomes = await lab.dial(from, ...kinds.map(kind => ({ ...kind, count: 20 })))
  allAnswered(t, outcomes, kinds.length * 20, `new connections from ${from} without agents`)
}

async function agentsRestart(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  const running = clients(cluster)
  await Promise.all(running.kept.map(({ next }) => next()))
  const nodes = ['node1', 'node2']
  await Promise.all(nodes.map(node => lab.stopAgent(node)))
  await Promise.all(['client', 'stranger'].map(from => newConnectionsWork(t, cluster, from)))
  await Promise.all(nodes.map(node => lab.startAgent(node)))
  await expectUnharmed(t, running)
}

prove({
  'backends that come and go harm no connection, their own ones included': endpointsComeAndGo,
  'agents that end and start again harm none, and new ones open meanwhile': agentsRestart,
})
