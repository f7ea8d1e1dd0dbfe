// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connected } from './connect.ts'
import { BACKENDS, type Cluster, prove, soon, type Test } from './fixture.ts'
import { service, sticky, vip } from './manifests.ts'
import { who } from './outcomes.ts'

const NODES = ['node1', 'node2']
const STICKY = 2
const LATER = 3
const SECONDS = 5
const CONNECT = join(import.meta.dirname, 'connect.ts')

const manifests = {
  web: [service()],
  sticky: [service({ name: 'sticky', number: STICKY, spec: sticky() })],
  empty: [service({ name: 'empty', number: 4, spec: { selector: { app: 'nothing' } } })],
}

/** What the maps mean, without the counters. */
function meaning({ live }: Cluster) {
  return NODES.map(node => live(node).map(({ service, frontend, backends }) => ({ service, frontend, backends })))
}

async function writesNothing(t: Test, cluster: Cluster): Promise<void> {
  const { lab, log } = cluster
  const dial = () => lab.dial('client', { protocol: 'http', address: vip(STICKY), port: 80, count: 5 })
  const [kept] = who(await dial())
  const before = meaning(cluster)
  await Promise.all([lab.stopAgent('node1', 'SIGTERM'), lab.stopAgent('node2', 'SIGKILL')])
  await Promise.all(NODES.map(node => lab.startAgent(node)))
  for (const node of NODES) {
    const applied = (await log(node)).filter(({ msg }) => msg === 'applied')
    t.equal(applied.at(-1)?.writes, 0, `${applied.at(-1)?.services} Services of ${node}`)
  }
  t.same(meaning(cluster), before, 'the maps say what they said')
  t.same(who(await dial()), [kept], 'affinity is kept')
}

/** A client that connects as fast as it can: started when its first connection is there. */
async function startLoad(
  { lab }: Cluster,
  from: string,
  address: string,
): Promise<{ readonly end: Promise<Connected> }> {
  const child = lab.spawn(from, [process.execPath, CONNECT, address, '80', String(SECONDS)])
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  await lines.next()
  return { end: lines.next().then(({ value }) => JSON.parse(value ?? '')) }
}

async function losesNothing(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  const clients = [
    ['client', vip()],
    ['stranger', vip(1, 'IPv6')],
  ] as const
  const running = await Promise.all(clients.map(([from, address]) => startLoad(cluster, from, address)))
  await sleep(500)
  await Promise.all(NODES.map(node => lab.stopAgent(node, 'SIGKILL')))
  await cluster.put('later', service({ name: 'later', number: LATER }))
  await sleep(1000)
  await Promise.all(NODES.map(node => lab.startAgent(node)))
  const later = { protocol: 'http', address: vip(LATER), port: 80, count: 36 } as const
  const reached = async () => who(await lab.dial('client', later)).join()
  await soon(t, 'what changed meanwhile is served', async () => (await reached()) === BACKENDS.join())
  for (const [i, { end }] of running.entries()) {
    const { connected, failed } = await end
    t.same(failed, {}, `none of ${connected} connections from ${clients[i]?.join(' to ')} failed in ${SECONDS} s`)
  }
}

prove(
  {
    'an agent that starts again with nothing changed writes nothing': writesNothing,
    'agents are killed and start again under load, and no connection fails': losesNothing,
  },
  { manifests },
)
