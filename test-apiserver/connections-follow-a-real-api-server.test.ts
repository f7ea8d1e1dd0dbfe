// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startCluster, webService, webSlice } from './cluster.ts'

t.setTimeout(300_000)

const VIP = '10.96.0.10'
const OTHER = '10.96.0.11'

t.test('connections from both nodes follow what the API server has', async t => {
  const { lab, client, become, answers, killServer, startServer } = await startCluster(t)

  await client.put(webService('web', VIP))
  t.ok(await become(VIP, 'ECONNREFUSED'), 'a Service without endpoints refuses')
  await client.put(webSlice(lab, 'web', 'web-0', 'web-1'))
  t.ok(await become(VIP, 'web-0 web-1'), 'its endpoints come, one on each node')
  await client.put(webSlice(lab, 'web', 'web-1', 'web-2'))
  t.ok(await become(VIP, 'web-1 web-2'), 'an endpoint moves')

  const trickle = {
    protocol: 'http',
    address: VIP,
    port: 80,
    path: '/trickle/20000?seconds=20',
    timeout: 40_000,
  } as const
  const long = lab.dial('node1/client1', { ...trickle, count: 4, parallel: 4 })
  await sleep(500)
  await killServer()
  t.same(await answers(VIP), ['web-1 web-2', 'web-1 web-2'], 'without the server new connections open')
  await startServer()
  await client.put(webService('other', OTHER))
  await client.put(webSlice(lab, 'other', 'web-3'))
  t.ok(await become(OTHER, 'web-3', 40), 'a server that is back is followed')
  t.same(await answers(VIP), ['web-1 web-2', 'web-1 web-2'], 'the others are as they were')
  for (const { pod, bytes, error } of await long)
    t.match({ pod, bytes, error }, { pod: /^web-[12]$/, bytes: 20_000, error: undefined }, 'and no connection ended')

  await client.delete('Service', 'web')
  t.notOk((await gone()).includes('web-'), 'a Service goes')
  t.same(await answers(OTHER), ['web-3', 'web-3'])

  /** Until nobody answers: what is no Service goes where routes lead. */
  async function gone(): Promise<string> {
    for (const deadline = Date.now() + 10_000; ; ) {
      const said = (await answers(VIP, { count: 1, timeout: 500 })).join(' ')
      if (!said.includes('web-') || Date.now() > deadline) return said
    }
  }
})
