// SPDX-License-Identifier: Apache-2.0
import type { DialOptions } from '../../lab/dial.ts'
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, vip } from './manifests.ts'
import { tally } from './outcomes.ts'

const AT_ONCE_MS = 500
const EMPTY = 2
const LOCAL = 3

/** A packet vanishes; a socket is told at once that there is no way. */
const DROPPED = { packet: 'ETIMEDOUT', socket: 'EHOSTUNREACH' }

const manifests = {
  web: [service()],
  empty: [service({ name: 'empty', number: EMPTY, spec: { selector: { app: 'nothing' } } })],
  local: [
    service({ name: 'local', number: LOCAL, spec: { selector: { pod: 'web-2' }, internalTrafficPolicy: 'Local' } }),
  ],
}

function kinds(number: number, more: Partial<DialOptions> = {}): DialOptions[] {
  return FAMILIES.flatMap(family => {
    const target = { address: vip(number, family), port: 80, ...more }
    return [
      { ...target, protocol: 'http' },
      { ...target, protocol: 'udp', connected: true },
    ] as const
  })
}

async function isRefused(t: Test, { lab }: Cluster, targets: readonly DialOptions[]): Promise<void> {
  for (const from of ['client', 'stranger']) {
    const outcomes = await lab.dial(from, ...targets)
    for (const [i, { protocol, address, port }] of targets.entries()) {
      const { error, ms = 0 } = outcomes[i] ?? {}
      t.equal(error, 'ECONNREFUSED', `${protocol} from ${from} to ${address} port ${port}`)
      t.ok(ms < AT_ONCE_MS, `after ${ms} ms`)
    }
  }
}

/** Of a node, by reason. */
async function rejected({ lab }: Cluster, node: string): Promise<Record<string, number>> {
  const { stdout } = await lab.exec(node, ['evenkeel', 'status', '-o', 'json'])
  return JSON.parse(stdout).rejected
}

async function isDropped(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  t.same(tally(await lab.dial('stranger', ...kinds(LOCAL))), { 'web-2': 4 }, 'served where the backend is')
  t.equal((await rejected(cluster, 'node2')).NO_LOCAL_ENDPOINTS, undefined)
  const before = (await rejected(cluster, 'node1')).NO_LOCAL_ENDPOINTS ?? 0
  const outcomes = await Promise.all(kinds(LOCAL, { timeout: 1500 }).map(kind => lab.dial('client', kind)))
  t.same(tally(outcomes.flat()), { [DROPPED[cluster.path]]: 4 }, 'not served elsewhere')
  const counted = ((await rejected(cluster, 'node1')).NO_LOCAL_ENDPOINTS ?? 0) - before
  t.ok(counted >= 4, `counted: ${counted}`)
}

async function isCounted(t: Test, cluster: Cluster): Promise<void> {
  const reasons = await rejected(cluster, 'node1')
  t.ok(reasons.NO_ENDPOINTS && reasons.NO_SUCH_PORT, JSON.stringify(reasons))
  const rows = cluster.live().filter(({ service }) => service === 'default/empty:http/TCP')
  t.ok(rows.length === 2 && rows.every(({ rejected }) => rejected >= 2n), `at the Service: ${rows[0]?.rejected}`)
}

prove(
  {
    'a Service without endpoints refuses': (t, cluster) => isRefused(t, cluster, kinds(EMPTY)),
    'a clusterIP refuses a port that no Service has': (t, cluster) => isRefused(t, cluster, kinds(1, { port: 81 })),
    'refusals are counted by reason': isCounted,
    'internalTrafficPolicy Local with endpoints only elsewhere drops, and counts': isDropped,
  },
  { manifests },
)
