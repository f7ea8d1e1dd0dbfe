// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { BACKENDS, FAMILIES, service, tally, VIP } from './services.ts'

t.setTimeout(120_000)

/** The default, and the one for pods without sockets on the node. */
const POD_PATHS = ['socket', 'packet'] as const
const configs = t.testdir(Object.fromEntries(POD_PATHS.map(podPath => [podPath, `podPath: ${podPath}\n`])))

const COUNT = 300
/** Five standard deviations of a binomial share of a third: an even spread leaves it once in 1.7 million times. */
const BOUND = 5 * Math.sqrt(COUNT * (1 / 3) * (2 / 3))

for (const podPath of POD_PATHS) {
  const manifests = { 'web.yaml': service() }
  const lab = await upLab({ name: `j${podPath}${process.pid}`, manifests, config: join(configs, podPath) })
  t.teardown(() => lab.down())

  for (const family of FAMILIES) {
    for (const [protocol, port] of [
      ['http', 80],
      ['udp', 53],
    ] as const) {
      t.test(`${protocol} over ${family} spreads evenly over all backends (${podPath})`, async t => {
        const outcomes = await lab.dial('client', { protocol, address: VIP[family], port, count: COUNT, parallel: 4 })
        const counts = tally(outcomes)
        t.same(Object.keys(counts).toSorted(), BACKENDS, JSON.stringify(counts))
        for (const count of Object.values(counts)) t.ok(Math.abs(count - COUNT / 3) <= BOUND, `${count} of ${COUNT}`)
      })
    }

    t.test(`a backend sees the client's own address, and the client the Service's (${podPath}, ${family})`, async t => {
      const target = { address: VIP[family], count: 20 }
      const source = lab.address('client', family)
      for (const { answer, from, to } of await lab.dial('client', {
        ...target,
        protocol: 'http',
        port: 80,
        path: '/client',
      })) {
        t.equal(answer?.replace(/[[\]]/g, '').replace(/:(\d+)$/, ' $1'), `${source} ${to?.split(' ')[1]}`)
        t.equal(from, `${VIP[family]} 80`)
      }
      for (const { answer, from } of await lab.dial('client', { ...target, protocol: 'udp', port: 53 })) {
        t.equal(answer?.split(' ')[0], source)
        t.equal(from, `${VIP[family]} 53`)
      }
    })

    t.test(`one UDP socket keeps its backend, connected or not (${podPath}, ${family})`, async t => {
      const target = { protocol: 'udp', address: VIP[family], port: 53, count: 30, shared: true } as const
      for (const connected of [false, true]) {
        const outcomes = await lab.dial('client', { ...target, connected })
        t.equal(Object.keys(tally(outcomes)).length, 1, `connected: ${connected}`)
        t.notOk(outcomes.some(({ error }) => error))
      }
    })

    t.test(`requests over the MTU, and datagrams in fragments, go through (${podPath}, ${family})`, async t => {
      const http = { protocol: 'http', address: VIP[family], port: 80, count: 6 } as const
      const outcomes = await lab.dial(
        'client',
        { ...http, path: '/received', size: 1_000_000 },
        { ...http, path: '/bytes/3000000' },
        ...[1400, 1473, 3000, 60_000].map(size => ({
          protocol: 'udp' as const,
          address: VIP[family],
          port: 53,
          count: 6,
          size,
        })),
      )
      t.equal(outcomes.length, 36)
      t.same(
        outcomes.flatMap(({ error }) => error ?? []),
        [],
      )
      t.ok(outcomes.slice(0, 6).every(({ answer }) => answer === '1000000'))
      t.ok(outcomes.slice(6, 12).every(({ bytes }) => bytes === 3_000_000))
    })
  }
}
