// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { TIMES } from '../agent/source/kubernetes/times.ts'
import type { Dialled } from '../lab/dial.ts'
import { CLIENTS, type Cluster, startCluster, webService, webSlice } from './cluster.ts'

/**
 * How long the server is away. What the agent does no longer changes once `outage` has passed, after which all is listed anew, and the
 * longest back-off is reached: both take 30 s, and the tries until then add up to as much. OUTAGE=600 waits for ten minutes.
 */
const OUTAGE_S = Number(process.env.OUTAGE ?? ((TIMES.outage + 2 * TIMES.maxRetry) / 1_000).toString())
/** From the server's being back to the agents' having seen it. */
const RECOVERY_S = TIMES.maxRetry / 1_000 + 15

t.setTimeout((OUTAGE_S + 240) * 1_000)

const [KEPT, CHANGED, NEVER, NEW] = ['10.96.1.1', '10.96.1.2', '10.96.1.3', '10.96.1.4'] as const

t.test('the server comes back with an older state: no connection is lost, and its state is served', async t => {
  const cluster = await startCluster(t, { config: { podPath: 'packet' } })
  const { lab, client, become, answers } = cluster
  await client.put(webService('kept', KEPT))
  await client.put(webSlice(lab, 'kept', 'web-1', 'web-2'))
  await client.put(webService('changed', CHANGED))
  await client.put(webSlice(lab, 'changed', 'web-0', 'web-1'))
  await cluster.saveSnapshot()

  await client.put(webService('never', NEVER))
  await client.put(webSlice(lab, 'never', 'web-3'))
  await client.put(webSlice(lab, 'changed', 'web-0', 'web-3'))
  for (let i = 0; i < 300; i++)
    await client.put({ ...webSlice(lab, 'kept', 'web-1', 'web-2'), ...touched('kept-1', i) })
  t.ok(await become(NEVER, 'web-3'), 'what no back-up has is served')
  t.ok(await become(CHANGED, 'web-0 web-3'))
  const before = await version(cluster)

  const seconds = OUTAGE_S + RECOVERY_S + 30
  const trickle = {
    protocol: 'http',
    port: 80,
    path: `/trickle/${seconds * 100}?seconds=${seconds}`,
    parallel: 4,
    count: 4,
  } as const
  const steady = { protocol: 'http', port: 80, address: KEPT, seconds, pause: 100, timeout: 2_000 } as const
  const watched = [KEPT, CHANGED].map(address => ({ ...trickle, address, timeout: (seconds + 60) * 1_000 }))
  const long = CLIENTS.flatMap(place => watched.map(dial => lab.dial(place, dial)))
  const opened = CLIENTS.map(place => lab.dial(place, steady))
  await sleep(500)

  await cluster.killServer()
  const away = Date.now()
  await cluster.restoreSnapshot()
  await cluster.aside(async () => {
    t.ok((await version(cluster)) < before, 'the state is an older one')
    await client.put(webSlice(lab, 'changed', 'web-0', 'web-2'))
    await client.put(webService('new', NEW))
    await client.put(webSlice(lab, 'new', 'web-1'))
  })
  while (Date.now() - away < OUTAGE_S * 1_000) {
    t.same(await answers(CHANGED), ['web-0 web-3', 'web-0 web-3'], 'what is served stays as it was')
    await sleep(Math.min(15_000, OUTAGE_S * 1_000))
  }
  await cluster.startServer()
  const back = performance.now()
  t.ok((await version(cluster)) < before)

  t.ok(await become(NEW, 'web-1', RECOVERY_S), 'what came meanwhile is served')
  t.comment(
    `away for ${OUTAGE_S} s; served ${((performance.now() - back) / 1_000).toFixed(1)} s after it was ready again`,
  )
  t.ok(await become(CHANGED, 'web-0 web-2'), 'what changed meanwhile has changed')
  t.notOk((await answers(NEVER, { count: 1 })).join(' ').includes('web-'), 'what the back-up does not have is gone')
  await client.put(webSlice(lab, 'new', 'web-3'))
  t.ok(await become(NEW, 'web-3'), 'and events are followed, though their versions are ones that were there before')

  // web-3 left `changed`: it lives on, and so does what is connected to it.
  report(
    t,
    'long connections, at backends that live',
    (await Promise.all(long)).flat(),
    ({ bytes }) => bytes === seconds * 100,
  )
  report(t, 'connections opened all the while', (await Promise.all(opened)).flat(), ({ pod }) =>
    /^web-[12]$/.test(pod ?? ''),
  )
})

function report(t: Test, what: string, dialled: readonly Dialled[], isWell: (one: Dialled) => boolean): void {
  const lost = dialled.filter(one => one.error !== undefined || !isWell(one))
  t.comment(`${what}: ${dialled.length}, lost: ${lost.length}`)
  t.ok(dialled.length > 0)
  t.same(lost, [], `${what}: none is lost`)
}

/** Nothing in the sockets: each packet of a connection needs what the kernel remembers of it. */
function touched(name: string, i: number) {
  const labels = { 'kubernetes.io/service-name': name.replace(/-1$/, ''), touched: String(i) }
  return { metadata: { name, namespace: 'default', labels } }
}

/** Of the newest state. */
async function version({ client }: Cluster): Promise<number> {
  const { metadata } = await client.ask('GET', '/api/v1/nodes')
  return Number((metadata as { resourceVersion: string }).resourceVersion)
}
