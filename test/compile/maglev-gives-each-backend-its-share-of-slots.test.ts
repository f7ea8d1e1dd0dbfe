// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { MAX_BACKENDS, maglevTable, tableSize } from '../../agent/compile/maglev.ts'
import { neighbours, randomBits, randomSet } from './maglev-sets.ts'

t.test('a table has 1,303 cells of as many slots, a power of two, as make 100 for each backend', t => {
  const wanted = {
    1: 1,
    2: 1_303,
    10: 1_303,
    11: 1_303,
    13: 1_303,
    14: 2_606,
    26: 2_606,
    27: 5_212,
    100: 10_424,
    13342: 1_334_272,
    60000: 1_334_272,
  }
  for (const [count, size] of Object.entries(wanted)) t.equal(tableSize(Number(count)), size, `${count} backends`)
  t.end()
})

function shares(slots: ArrayLike<number>, count: number): readonly [least: number, most: number] {
  const counts = new Uint32Array(count)
  for (let i = 0; i < slots.length; i++) counts[slots[i]!]!++
  return counts.reduce(([a, b], n) => [Math.min(a, n), Math.max(b, n)], [Infinity, 0])
}

/** The paper's section 3.4: with M > 100 N the slots of any two backends differ by 1 % at most. */
t.test('no two backends differ by more than one slot', t => {
  const random = randomBits(7)
  const counts = [...Array.from({ length: 130 }, (_, i) => i + 1), 255, 256, 257, 1_000, 1_303, 1_304, 4_000, 13_342]
  for (const count of counts) {
    const slots = maglevTable(count % 2 ? neighbours(count) : randomSet(count, random))
    const [least, most] = shares(slots, count)
    t.ok(most - least <= 1, `${count} backends: ${least} to ${most} slots`)
    t.ok((most - least) / least <= 0.01, 'at most 1 % apart')
  }
  for (let i = 0; i < 50; i++) {
    const [least, most] = shares(maglevTable(randomSet(2, random)), 2)
    t.equal(most - least, 1, `two backends: ${least} and ${most} slots`)
  }
  const [least, most] = shares(maglevTable(neighbours(30_000)), 30_000)
  t.ok(most - least <= 1, `30,000 backends: ${least} to ${most} slots`)
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
