// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import type { LiveService } from '../../agent/cli/services.ts'
import { replace } from '../cluster.ts'
import { BACKENDS, type Cluster, prove, type Test } from './fixture.ts'
import { changeMetadata, FAMILIES, service, vip } from './manifests.ts'
import { allAnswered, dialOn, tally, who } from './outcomes.ts'

const ONLY = 2
const BYTES = 300_000
/** Over both families, none of them is with the backend in question once in 17,000 times. */
const TRANSFERS = 12
const TERMINATING = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 }

const manifests = {
  web: [service()],
  only: [service({ name: 'only', number: ONLY, spec: { selector: { pod: 'web-1' } } })],
}

function kinds(number: number, count: number) {
  return FAMILIES.flatMap(family =>
    (['http', 'udp'] as const).map(protocol => ({ protocol, address: vip(number, family), port: 80, count })),
  )
}

/** Until every node has so many backends for default/web. */
function backends({ settled }: Cluster, count: number): Promise<void> {
  return settled(`${count} backends`, services =>
    services.every(({ service, backends }) => !service.startsWith('default/web:') || backends.length === count),
  )
}

/** Connections of default/web:http, on the client's node. */
function opened(services: readonly LiveService[]): number {
  return Number(services.find(({ service }) => service === 'default/web:http/TCP')?.connections)
}

async function finishes(t: Test, cluster: Cluster): Promise<void> {
  const { lab, settled } = cluster
  const http = { protocol: 'http', port: 80, timeout: 20_000 } as const
  const path = `/trickle/${BYTES}?seconds=2`
  const transfers = FAMILIES.map(family =>
    dialOn(lab, 'client', { ...http, address: vip(1, family), path, count: TRANSFERS, parallel: TRANSFERS }),
  )
  const sockets = FAMILIES.map(family =>
    dialOn(lab, 'client', {
      protocol: 'udp',
      address: vip(ONLY, family),
      port: 80,
      shared: true,
      seconds: 2,
      pause: 5,
    }),
  )
  await Promise.all(sockets.map(({ next }) => next()))
  await settled('all have begun', services => opened(services) === FAMILIES.length * TRANSFERS, ['node1'])
  const file = lab.podFile('web-1')
  const before = await readFile(file, 'utf8')
  await changeMetadata(file, TERMINATING)
  await backends(cluster, 2)
  const fresh = await lab.dial('client', ...kinds(1, 30))
  t.same(who(fresh), ['web-0', 'web-2'], `no new connections to it: ${JSON.stringify(tally(fresh))}`)
  for (const { end } of transfers) {
    const outcomes = await end
    allAnswered(t, outcomes, TRANSFERS, 'transfers')
    t.ok(
      outcomes.every(({ bytes }) => bytes === BYTES),
      'all complete',
    )
  }
  const all = (await Promise.all(transfers.map(({ end }) => end))).flat()
  t.ok(who(all).includes('web-1'), 'some of them by the terminating one')
  for (const { end } of sockets) t.same(who(await end), ['web-1'], 'UDP sockets stay')
  await replace(file, before)
  await backends(cluster, 3)
  t.same(who(await lab.dial('client', ...kinds(1, 30))), BACKENDS, 'back again')
}

async function servesAlone(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  const file = lab.podFile('web-1')
  const before = await readFile(file, 'utf8')
  await changeMetadata(file, TERMINATING)
  await backends(cluster, 2)
  for (const from of ['client', 'stranger']) {
    const outcomes = await lab.dial(from, ...kinds(ONLY, 5))
    t.same(tally(outcomes), { 'web-1': 20 }, `new connections from ${from}`)
  }
  await replace(file, before)
  await backends(cluster, 3)
}

prove(
  {
    'a terminating backend gets no new connections and keeps those it has': finishes,
    'a Service whose only backend terminates is still served': servesAlone,
  },
  { manifests },
)
