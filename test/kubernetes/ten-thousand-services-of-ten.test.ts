// SPDX-License-Identifier: Apache-2.0
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { node, service, slice } from './objects.ts'
import { kubeconfig, startServer } from './source.ts'
import type { Seen } from './source-process.ts'

const SERVICES = 10_000
const ENDPOINTS = 10
const CHANGES = 200

/** As a real cluster has them: half of each object is of no use here. */
function endpointsOf(i: number, count = ENDPOINTS) {
  const endpoints = Array.from({ length: count }, (_, j) => ({
    addresses: [`10.${j}.${i >> 8}.${i & 255}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `worker-${(i + j) % 200}.example.internal`,
    targetRef: { kind: 'Pod', name: `s${i}-7d4b9c6f5d-${j}`, namespace: 'default', uid: `0b6f6c8e-${i}-${j}` },
    zone: `zone-${j % 3}`,
  }))
  return slice(`s${i}-x`, [], { endpoints })
}

t.test('are there within seconds, and one change is seen at once', async t => {
  const ip = (i: number) => `10.96.${i >> 8}.${i & 255}`
  const all = Array.from({ length: SERVICES }, (_, i) => i)
  const services = all.map(i => service(`s${i}`, { clusterIP: ip(i), clusterIPs: [ip(i)] }))
  const server = await startServer(t, [...services, ...all.map(i => endpointsOf(i)), node('node1')])
  const began = performance.timeOrigin + performance.now()
  const child = fork(join(import.meta.dirname, 'source-process.ts'), [kubeconfig(t, server.url)])
  t.teardown(() => child.kill())
  const next = async () => (await once(child, 'message'))[0] as Seen

  const first = await next()
  t.equal(first.services, SERVICES)
  t.equal(first.endpoints, SERVICES * ENDPOINTS)
  const ms = first.at - began
  t.comment(`from the start of the process: ${ms.toFixed()} ms, ${(first.rss / 1e6).toFixed()} MB`)
  t.ok(ms < 20_000)

  while (server.watchers.size < 3) await new Promise(resolve => setTimeout(resolve, 5))
  const waits: number[] = []
  for (let i = 0; i < CHANGES; i++) {
    const at = performance.timeOrigin + performance.now()
    server.store.put(endpointsOf(i, ENDPOINTS - 1))
    const seen = await next()
    t.equal(seen.services, 1)
    waits.push(seen.at - at)
  }
  waits.sort((a, b) => a - b)
  const [median, late] = [0.5, 0.99].map(part => waits[Math.floor(part * CHANGES)]!)
  t.comment(
    `a change is told after ${median!.toFixed(1)} ms (p50), ${late!.toFixed(1)} ms (p99), 10 of them for gathering`,
  )
  t.ok(median! < 50)
  child.send('stop')
  t.same(await once(child, 'exit'), [0, null])
})
