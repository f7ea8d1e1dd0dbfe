// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { eventually, FAMILIES, putManifest, service, VIP, whoAnswered } from './services.ts'

t.setTimeout(120_000)

const SECONDS = 2
const lab = await upLab({ name: `k${process.pid}`, manifests: { 'web.yaml': service({ affinitySeconds: SECONDS }) } })
t.teardown(() => lab.down())

/** Each is a Service port or a client of its own to the affinity map: all at once. */
const TARGETS = FAMILIES.flatMap(family => [
  { protocol: 'http', address: VIP[family], port: 80 } as const,
  { protocol: 'udp', address: VIP[family], port: 53 } as const,
])

t.test('a client sticks, also beyond the time-out while it keeps coming', async t => {
  const stick = async (target: (typeof TARGETS)[number]) => {
    // One each 0.5 s for twice the time-out: each refreshes.
    const outcomes = await lab.dial('client', { ...target, seconds: 2 * SECONDS, pause: 500 })
    t.ok(outcomes.length >= 5, `${outcomes.length} connections`)
    t.equal(whoAnswered(outcomes).length, 1, `${target.protocol} to ${target.address}: ${whoAnswered(outcomes)}`)
  }
  await Promise.all(TARGETS.map(stick))
})

t.test('after the time-out a different backend answers eventually', async t => {
  const expire = async (target: (typeof TARGETS)[number]) => {
    const seen = new Set<string>()
    // By chance alone all of twelve are the same once in 177,147 times.
    for (let round = 0; round < 12 && seen.size < 2; round++) {
      for (const who of whoAnswered(await lab.dial('client', target))) seen.add(who)
      await sleep((SECONDS + 1.2) * 1000)
    }
    t.equal(seen.size, 2, `${target.protocol} to ${target.address}: ${[...seen]}`)
  }
  await Promise.all(TARGETS.map(expire))
})

t.test('a client whose backend has gone gets another and sticks to that', async t => {
  const target = { protocol: 'http', address: VIP.IPv4, port: 80, count: 10 } as const
  const [first] = whoAnswered(await lab.dial('client', target))
  rmSync(lab.podFile(first!))
  t.ok(await eventually(async () => !whoAnswered(await lab.dial('client', target)).includes(first!)))
  const next = whoAnswered(await lab.dial('client', target))
  t.equal(next.length, 1)
  t.not(next[0], first)
})

t.test('affinity can be switched off and on', async t => {
  const target = { protocol: 'http', address: VIP.IPv4, port: 80, count: 20 } as const
  putManifest(lab, 'web.yaml', service())
  t.ok(
    await eventually(async () => whoAnswered(await lab.dial('client', target)).length === 2),
    'off: both that are left answer',
  )
  putManifest(lab, 'web.yaml', service({ affinitySeconds: 100 }))
  t.ok(await eventually(async () => whoAnswered(await lab.dial('client', target)).length === 1), 'on: one answers')
})
