// SPDX-License-Identifier: Apache-2.0
import { crc32 } from 'node:zlib'
import t from 'tap'
import { maglevTable, tableSize } from '../../agent/compile/maglev.ts'
import { neighbours, owners, randomBits, randomSet } from './maglev-sets.ts'

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
