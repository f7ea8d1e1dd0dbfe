// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { LiveService } from '../agent/cli/services.ts'
import type { Dialled } from '../lab/dial.ts'
import type { Lab } from '../lab/lab.ts'
import { logOf } from '../test/cluster.ts'
import { NODES, startCluster, webService, webSlice } from './cluster.ts'
import { createLoad, ENDPOINTS, isLoad, loadAddress, loadName } from './load.ts'

t.setTimeout(900_000)

const SERVICES = 10_000
const VIP = '10.96.3.1'

/** What the kernel of a node serves of the load: by Service, its backends. */
async function served(lab: Lab, node: string): Promise<Map<string, readonly string[]>> {
  const { stdout } = await lab.exec(node, ['evenkeel', 'services', '-o', 'json'], { timeout: 60_000 })
  const all = (JSON.parse(stdout) as LiveService[]).map(
    ({ service, backends }) => [service.replace(/^default\/|:.*$/g, ''), backends] as const,
  )
  return new Map(all.filter(([name]) => isLoad(name)))
}

function expected(number: number): readonly string[] {
  return Array.from({ length: ENDPOINTS }, (_, i) => `${loadAddress(number, i)}:8080`)
}

function memory(lab: Lab, node: string): string {
  const pid = readFileSync(join(lab.folder, 'ready', `agent-${node}`), 'utf8').trim()
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return `${(Number(kilobytes) / 1e3).toFixed()} MB`
}

t.test('10,000 Services of 10 endpoints come one by one, and are all served', async t => {
  const { lab, client, become } = await startCluster(t)
  await client.put(webService('web', VIP))
  await client.put(webSlice(lab, 'web', 'web-0', 'web-1'))
  t.ok(await become(VIP, 'web-0 web-1'))

  const steady = dialSteadily(lab)
  t.teardown(steady.stop)
  const began = performance.now()
  await createLoad(client, SERVICES, () => undefined)
  const created = performance.now()
  t.comment(`written in ${((created - began) / 1_000).toFixed()} s`)
  for (const node of NODES) {
    let there = await served(lab, node)
    for (const end = Date.now() + 60_000; there.size < SERVICES && Date.now() < end; await sleep(100))
      there = await served(lab, node)
    t.equal(there.size, SERVICES, `${node} serves all`)
    const wrong = [...Array(SERVICES).keys()].filter(
      i => there.get(loadName(i))?.toSorted().join() !== expected(i).toSorted().join(),
    )
    t.same(wrong, [], 'with the right endpoints')
    t.comment(`${node}: RSS ${memory(lab, node)}`)
  }
  t.comment(`all served ${((performance.now() - created) / 1_000).toFixed(1)} s later, with the time to read the maps`)

  await lab.stopAgent('node2', 'SIGKILL')
  await client.put(webSlice(lab, 'web', 'web-2'))
  const restarted = performance.now()
  await lab.startAgent('node2', { untilReady: false })
  t.ok(await become(VIP, 'web-2', 300), 'a restarted agent knows what changed meanwhile')
  t.comment(`an agent's restart: ${((performance.now() - restarted) / 1_000).toFixed(1)} s`)
  t.equal((await served(lab, 'node2')).size, SERVICES)
  t.ok(writesOfStart(lab, 'node2') < 50, 'and writes nothing else')
  const dialled = await steady.stop()
  const failed = dialled.filter(({ error }) => error !== undefined)
  t.comment(`connections meanwhile: ${dialled.length}, failed: ${failed.length}`)
  t.same(failed, [])
})

/** One connection after the other, all the while. */
function dialSteadily(lab: Lab): { readonly stop: () => Promise<readonly Dialled[]> } {
  const all: Dialled[] = []
  let stopped = false
  const dial = { protocol: 'http', address: VIP, port: 80, count: 100, pause: 20 } as const
  const done = (async () => {
    while (!stopped) all.push(...(await lab.dial('node1/client1', dial)))
  })().catch(error => void all.push({ error: String(error), ms: 0 }))
  return {
    async stop() {
      stopped = true
      await done
      return all
    },
  }
}

/** Elements that the agent wrote when it first knew all. */
function writesOfStart(lab: Lab, node: string): number {
  const first = logOf(lab, node).find(({ services = 0 }) => services >= SERVICES)
  return first?.writes ?? Number.POSITIVE_INFINITY
}
