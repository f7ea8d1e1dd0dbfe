// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { TIMES } from '../agent/source/kubernetes/times.ts'
import { startCluster, webService, webSlice } from './cluster.ts'

/** Then a watch that brings nothing is given up. */
const IDLE_S = TIMES.idle / 1_000

t.setTimeout((IDLE_S + 240) * 1_000)

const VIP = '10.96.4.1'
const NEVER = '10.96.4.2'
const WRITES = 200

t.test('the server is away for seconds only and comes back with an older state: it is found out', async t => {
  const { lab, client, become, answers, ...plane } = await startCluster(t)
  await client.put(webService('web', VIP))
  await client.put(webSlice(lab, 'web', 'web-0'))
  await plane.saveSnapshot()
  await client.put(webSlice(lab, 'web', 'web-1'))
  await client.put(webService('never', NEVER))
  await client.put(webSlice(lab, 'never', 'web-2'))
  // So much that the server, restored, is far from the last versions of both kinds. Nodes do not matter here.
  for (let i = 0; i < WRITES; i++) {
    const { metadata, ...never } = webService('never', NEVER)
    await client.put({ ...never, metadata: { ...metadata, labels: { written: String(i) } } })
    await client.put(webSlice(lab, 'web', i % 2 === 0 ? 'web-0' : 'web-1'))
  }
  t.ok(await become(VIP, 'web-1'))
  t.ok(await become(NEVER, 'web-2'))

  const away = performance.now()
  await plane.killServer()
  await plane.restoreSnapshot()
  await plane.startServer()
  t.comment(`away for ${((performance.now() - away) / 1_000).toFixed(1)} s`)
  const back = performance.now()
  t.ok(await become(VIP, 'web-0', IDLE_S + 60), 'the older state is served')
  t.comment(`served ${((performance.now() - back) / 1_000).toFixed(1)} s after it was ready again`)
  t.notOk((await answers(NEVER, { count: 1 })).join(' ').includes('web-'), 'what it does not have is gone')
})
