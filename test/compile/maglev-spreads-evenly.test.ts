// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import t from 'tap'
import { maglevTable } from '../../agent/compile/maglev.ts'
import { neighbours, randomBits, randomSet } from './maglev-sets.ts'

const TUPLES = 100_000

/** A hash that is as good as random: this is about the table. The programs' own is looked at in test/bpf. */
function hashes(): Uint32Array {
  const out = new Uint32Array(TUPLES)
  for (let i = 0; i < TUPLES; i += 8) {
    const digest = createHash('sha256').update(`10.0.0.1:${i} 10.96.0.10:80/TCP`).digest()
    for (let word = 0; word < 8 && i + word < TUPLES; word++) out[i + word] = digest.readUInt32LE(word * 4)
  }
  return out
}

/** Max over mean that a fair choice exceeds once in a thousand runs (each bin's binomial, divided by the bins: Bonferroni). */
function multinomialBound(bins: number): number {
  const mean = TUPLES / bins
  return 1 + (normalQuantile(0.001 / bins) * Math.sqrt(mean * (1 - 1 / bins))) / mean
}

/** z with P(Z > z) = p, by bisection over the tail (Abramowitz and Stegun 26.2.17). */
function normalQuantile(p: number): number {
  let [low, high] = [0, 10]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (tail(middle) > p) low = middle
    else high = middle
  }
  return low
}

function tail(z: number): number {
  const k = 1 / (1 + 0.2316419 * z)
  const sum = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429].reduceRight(
    (rest, b) => k * (b + rest),
    0,
  )
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum
}

function maxOverMean(slots: ArrayLike<number>, bins: number, tuples: Uint32Array): number {
  const counts = new Uint32Array(bins)
  // As ek_table_lookup chooses a slot.
  for (const hash of tuples) counts[slots[Math.floor((hash * slots.length) / 2 ** 32)]!]!++
  return Math.max(...counts) / (TUPLES / bins)
}

const tuples = hashes()

for (const count of [2, 3, 10, 100]) {
  t.test(`100,000 tuples over ${count} backends stay within the multinomial bound`, t => {
    const bound = multinomialBound(count)
    for (const set of [neighbours(count), randomSet(count, randomBits(count))]) {
      const ratio = maxOverMean(maglevTable(set), count, tuples)
      t.ok(ratio <= bound, `max/mean ${ratio.toFixed(4)}, bound ${bound.toFixed(4)}`)
    }
    t.end()
  })
}
