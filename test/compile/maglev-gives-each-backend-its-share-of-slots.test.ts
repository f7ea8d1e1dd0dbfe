// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { MAX_BACKENDS, maglevTable, TABLE_SIZES, tableSize } from '../../agent/compile/maglev.ts'
import { neighbours, randomBits, randomSet } from './maglev-sets.ts'

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return n > 1
}

t.test('sizes are primes, and the smallest that is 100 times the backends is taken', t => {
  for (const size of TABLE_SIZES) t.ok(isPrime(size), `${size}`)
  const wanted = {
    1: 127,
    2: 509,
    5: 509,
    6: 1021,
    9: 1021,
    10: 1021,
    11: 2039,
    100: 16381,
    10485: 1048573,
    60000: 1048573,
  }
  for (const [count, size] of Object.entries(wanted)) t.equal(tableSize(Number(count)), size, `${count} backends`)
  t.end()
})

/** The paper's section 3.4: with M > 100 N the slots of any two backends differ by 1 % at most. */
t.test('no two backends differ by more than one slot', t => {
  const random = randomBits(7)
  for (const count of [1, 2, 3, 5, 10, 11, 100, 255, 256, 257, 1_000, 10_485]) {
    const slots = maglevTable(count % 2 ? neighbours(count) : randomSet(count, random))
    const counts = new Uint32Array(count)
    for (const index of slots) counts[index]!++
    const [least, most] = counts.reduce(([a, b], n) => [Math.min(a, n), Math.max(b, n)], [Infinity, 0])
    t.ok(most - least <= 1, `${count} backends: ${least} to ${most} slots`)
    t.ok((most - least) / least <= 0.01, 'at most 1 % apart')
    t.equal(slots.BYTES_PER_ELEMENT, count <= 256 ? 1 : 2, 'slots are as narrow as they can be')
  }
  t.end()
})

t.test('none, too many and bad addresses are refused', t => {
  t.throws(() => maglevTable([]), RangeError)
  t.throws(() => maglevTable(new Array(MAX_BACKENDS + 1).fill({ address: '10.0.0.1', port: 1 })), RangeError)
  t.throws(
    () =>
      maglevTable([
        { address: 'x', port: 1 },
        { address: '10.0.0.1', port: 1 },
      ]),
    /"x" is not an IPv4 or IPv6 address/,
  )
  t.end()
})
