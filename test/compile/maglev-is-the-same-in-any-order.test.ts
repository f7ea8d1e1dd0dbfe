// SPDX-License-Identifier: Apache-2.0
import { crc32 } from 'node:zlib'
import t from 'tap'
import { MAX_BACKENDS, maglevTable, tableSize } from '../../agent/compile/maglev.ts'
import { type Endpoint, neighbours, owners, randomBits, randomSet } from './maglev-sets.ts'

t.test('the set decides, not its order', t => {
  const random = randomBits(11)
  for (const count of [2, 10, 13, 14, 100, 300, 2_000]) {
    const set = randomSet(count, random)
    const shuffled = [...set.slice(count / 2), ...set.slice(0, count / 2).reverse()]
    t.same(owners(maglevTable(shuffled), shuffled), owners(maglevTable(set), set), `${count} backends`)
  }
  t.end()
})

t.test('the form of an address does not matter', t => {
  const canonical = [
    { address: 'fd00::1', port: 80 },
    { address: '10.0.0.1', port: 80 },
  ]
  const other = [
    { address: 'FD00:0::0:1', port: 80 },
    { address: '::ffff:10.0.0.1', port: 80 },
  ]
  t.same(maglevTable(other), maglevTable(canonical))
  t.end()
})

t.test('the port is part of a backend', t => {
  const set = (port: number) => [
    { address: '10.0.0.1', port },
    { address: '10.0.0.2', port: 80 },
  ]
  t.notSame(maglevTable(set(80)), maglevTable(set(81)))
  t.end()
})

/** Nodes of different versions must agree while an upgrade rolls out: a change here is a change of the protocol. */
t.test('the table is what it was', t => {
  const set = [
    { address: '10.244.1.5', port: 8080 },
    { address: '10.244.2.7', port: 8080 },
    { address: 'fd00:244::9', port: 8080 },
  ]
  t.equal(
    Buffer.from(maglevTable(set).subarray(0, 24)).toString('hex'),
    '010202000201010200020001000002010101000201000101',
  )
  const sums = [2, 10, 14, 100, 300, 2_000].map(count => crc32(Buffer.from(maglevTable(neighbours(count)).buffer)))
  t.same(sums, [2_365_754_995, 2_740_536_188, 323_671_719, 633_347_926, 1_897_622_381, 2_383_402_181])
  t.end()
})

/** Some of them are tried freely in vain. */
t.test('small tables, of which there are most, are what they were', t => {
  const random = randomBits(7)
  const room = new Uint8Array(tableSize(2))
  let sum = 0
  for (let round = 0; round < 100; round++)
    for (let count = 2; count <= 13; count++) sum = crc32(maglevTable(randomSet(count, random), room), sum)
  // Of three, a few are so nearly full that the last cells would go to others.
  for (let round = 0; round < 20_000; round++) sum = crc32(maglevTable(randomSet(3, random), room), sum)
  t.equal(sum, 528_188_976)
  t.end()
})

/** Of sets in which some backends are of the other family; the last sizes are where cells grow no more, and the most there may be. */
t.test('tables of all sizes are what they were', t => {
  const random = randomBits(23)
  const sumOf = (counts: readonly number[]) =>
    counts.reduce((sum, count) => crc32(Buffer.from(maglevTable(mixedSet(count, random)).buffer), sum), 0)
  const upTo = (last: number) => Array.from({ length: last - 1 }, (_, i) => i + 2)
  const sums = [upTo(64), upTo(400), [1_303, 1_304, 5_000, 13_342, 13_343], [MAX_BACKENDS]].map(sumOf)
  t.same(sums, [3_082_054_553, 140_758_249, 2_388_419_168, 3_916_193_131])
  t.end()
})

function mixedSet(count: number, random: () => number): readonly Endpoint[] {
  return randomSet(count, random).map(({ address }, i) => ({
    address: i % 3 === 0 ? `fd00::${(random() >>> 16).toString(16)}:${i.toString(16)}` : address,
    port: 1 + (random() >>> 17),
  }))
}
