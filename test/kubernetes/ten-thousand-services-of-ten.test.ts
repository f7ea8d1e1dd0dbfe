// SPDX-License-Identifier: Apache-2.0
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { EncodingName } from './encode.ts'
import { node, service, slice } from './objects.ts'
import { inEachEncoding, kubeconfig, startServer } from './source.ts'
import type { Began, Seen } from './source-process.ts'

t.setTimeout(120_000)

const SERVICES = 10_000
const ENDPOINTS = 10
const CHANGES = 100
/** Bytes of JavaScript objects for a Service with its endpoints: 1,600, and some room. */
const MOST = 2_000

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

async function areThere(t: Test, encoding: EncodingName): Promise<void> {
  const ip = (i: number) => `10.96.${i >> 8}.${i & 255}`
  const all = Array.from({ length: SERVICES }, (_, i) => i)
  const services = all.map(i => service(`s${i}`, { clusterIP: ip(i), clusterIPs: [ip(i)] }))
  const server = await startServer(t, [...services, ...all.map(i => endpointsOf(i)), node('node1')])
  // Protobuf as new servers have it, JSON as old ones.
  if (encoding === 'protobuf') server.initialEvents = 'sent'
  const began = performance.timeOrigin + performance.now()
  const file = join(import.meta.dirname, 'source-process.ts')
  const child = fork(file, [kubeconfig(t, server.url)], { execArgv: ['--expose-gc', '--max-semi-space-size=4'] })
  t.teardown(() => child.kill())
  const next = async () => (await once(child, 'message'))[0] as Seen

  const before: Began = await next()
  const first = await next()
  t.equal(first.services, SERVICES)
  t.equal(first.endpoints, SERVICES * ENDPOINTS)
  const ms = first.at - began
  const mb = (bytes: number) => (bytes / 1e6).toFixed()
  t.comment(
    `from the start of the process: ${ms.toFixed()} ms, ${(first.cpu - before.cpu).toFixed()} of them its own work`,
  )
  t.comment(`memory: ${mb(before.rss)} to ${mb(first.rss)} MB; heap in use: ${mb(before.heap)} to ${mb(first.heap)} MB`)
  t.ok(ms < 60_000)
  const kept = (first.heap - before.heap) / SERVICES
  t.comment(`${kept.toFixed()} bytes a Service with its endpoints`)
  t.ok(kept < MOST, 'only what is used is kept')

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
}

// One at a time, as they measure.
inEachEncoding(t, 'are there within seconds, and one change is seen at once', areThere, 1)
