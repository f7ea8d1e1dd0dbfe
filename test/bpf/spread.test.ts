// SPDX-License-Identifier: Apache-2.0
/**
 * New flows spread over the backends as evenly as chance allows: each backend's share of 100,000 tuples through the real program,
 * beside the bound of the multinomial distribution.
 */
import t from 'tap'
import { type Random, xorshift } from '../packet/random.ts'
import { type Case, frameBetween, TCP4, UDP6 } from './cases.ts'
import { type Dataplane, loadDataplane } from './harness.ts'
import { addService } from './services.ts'

const TUPLES = 100_000
const SIZES = [2, 3, 10, 100]

/** Sets a frame's client to the n-th of a population. The port is the first field behind the IP header. */
type Population = (frame: Buffer, port: number, n: number, random: Random) => void

const LAST_OF_SOURCE = { 4: 14 + 12 + 3, 6: 14 + 8 + 15 } as const

const POPULATIONS: Readonly<Record<string, (test: Case) => Population>> = {
  'random clients and ports': test => (frame, port, _, random) => {
    frame.writeUInt16BE(random.below(0x10000), LAST_OF_SOURCE[test.version] - 1)
    frame.writeUInt16BE(1 + random.below(0xffff), port)
  },
  'two clients, one port after another': test => (frame, port, n) => {
    frame[LAST_OF_SOURCE[test.version]] = n & 1
    frame.writeUInt16BE(1 + ((n >> 1) % 0xffff), port)
  },
  'two ports, one client after another': test => (frame, port, n) => {
    frame.writeUInt16BE((n >> 1) & 0xffff, LAST_OF_SOURCE[test.version] - 1)
    frame.writeUInt16BE(40_000 + (n & 1), port)
  },
}

/**
 * How much more than its share the luckiest of n backends may get: by the union bound over the normal approximation, this is passed
 * once in a million runs.
 */
function multinomialBound(n: number): number {
  const share = TUPLES / n
  return 1 + (quantile(1e-6 / n) * Math.sqrt(share * (1 - 1 / n))) / share
}

/** The standard normal deviate that is passed with this (small) probability. */
function quantile(probability: number): number {
  let low = 0
  let high = 40
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (normalTail(middle) > probability) low = middle
    else high = middle
  }
  return low
}

/** Mills' ratio as a continued fraction (Abramowitz & Stegun 26.2.14), good above 1. */
function normalTail(z: number): number {
  if (z < 1) return 0.5
  let fraction = z
  for (let k = 60; k >= 1; k--) fraction = z + k / fraction
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / fraction
}

function countBackends(
  plane: Dataplane,
  test: Case,
  setClient: Population,
  seed: number,
  tuples = TUPLES,
): Map<string, number> {
  const random = xorshift(seed)
  const counts = new Map<string, number>()
  const frame = frameBetween(test, test.client, test.vip)
  const port = 14 + (test.version === 4 ? 20 : 40)
  for (let n = 0; n < tuples; n++) {
    setClient(frame, port, n, random)
    const { frame: out } = plane.run('tc_pod_ingress', frame)
    const dst = out.toString('latin1', port - (test.version === 4 ? 4 : 16), port)
    counts.set(dst, (counts.get(dst) ?? 0) + 1)
  }
  return counts
}

for (const size of SIZES) {
  t.test(`${size} backends`, { timeout: 300_000 }, async t => {
    for (const test of [TCP4, UDP6]) {
      const plane = loadDataplane()
      const backends = Array.from({ length: size }, (_, i) => test.backend(i + 1))
      addService(plane, { frontends: [{ ...test.vip, proto: test.proto }], backends })
      const populations = Object.entries(POPULATIONS).slice(0, test === TCP4 ? 3 : 1)
      for (const [name, population] of populations) {
        const counts = countBackends(plane, test, population(test), size)
        const most = Math.max(...counts.values()) / (TUPLES / size)
        const bound = multinomialBound(size)
        t.equal(counts.size, size, 'every backend is hit, and nothing else')
        t.ok(most <= bound, `${test.name}, ${name}: max/mean ${most.toFixed(4)}, bound ${bound.toFixed(4)}`)
      }
      plane.close()
    }
  })
}

t.test('a hundred connections of one client are a sample like any other', async t => {
  const plane = loadDataplane()
  const backends = Array.from({ length: 10 }, (_, i) => TCP4.backend(i + 1))
  addService(plane, { frontends: [{ ...TCP4.vip, proto: TCP4.proto }], backends })
  const clients = Array.from({ length: 1000 }, (_, n) => ({ step: 1 + (n & 1), seed: n }))
  const deviations = clients.map(({ step, seed }) => {
    const consecutive: Population = (frame, port, n) => {
      frame.writeUInt16BE(seed, LAST_OF_SOURCE[4] - 1)
      frame.writeUInt16BE(32_768 + n * step, port)
    }
    return chiSquare([...countBackends(plane, TCP4, consecutive, 0, 100).values()], 10)
  })
  plane.close()
  const mean = deviations.reduce((sum, x) => sum + x, 0) / deviations.length
  // Chi-square with 9 degrees of freedom: mean 9, variance 18; of 1,000 of them, a standard error of 0.13. Too even is wrong too:
  // then one connection tells where the next one goes.
  t.ok(Math.abs(mean - 9) < 0.67, `chi-square of 1,000 clients: ${mean.toFixed(2)} in the mean, 9 expected`)
})

function chiSquare(counts: readonly number[], size: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const missing = (size - counts.length) * (total / size)
  return counts.reduce((sum, count) => sum + (count - total / size) ** 2 / (total / size), missing)
}

t.test('the bound itself', async t => {
  t.ok(Math.abs(quantile(0.001) - 3.0902) < 1e-3, `one in a thousand is passed at ${quantile(0.001)}`)
  t.ok(Math.abs(quantile(1e-9) - 5.9978) < 1e-3, `one in a billion at ${quantile(1e-9)}`)
})
