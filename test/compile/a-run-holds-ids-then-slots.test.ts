// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { maglevTable } from '../../agent/compile/maglev.ts'
import { encodeRun, isSealed } from '../../agent/compile/run.ts'
import { neighbours } from './maglev-sets.ts'

t.test('narrow slots', t => {
  const run = encodeRun([7, 0x01020304], Uint8Array.of(1, 0, 1))
  t.equal(run.length, 64)
  t.same([...run.subarray(0, 12)], [7, 0, 0, 0, 4, 3, 2, 1, 1, 0, 1, 0])
  t.ok(
    run.subarray(11, 60).every(byte => byte === 0),
    'zeros follow',
  )
  t.end()
})

t.test('wide slots', t => {
  const run = encodeRun(Uint32Array.of(9), Uint16Array.of(0, 300))
  t.same([...run.subarray(0, 8)], [9, 0, 0, 0, 0, 0, 44, 1])
  t.end()
})

t.test('ten backends take 17 blocks: 1,088 bytes', t => {
  t.equal(encodeRun(new Uint32Array(10), maglevTable(neighbours(10))).length, 17 * 64)
  t.end()
})

t.test('a run that fits exactly is not padded', t => {
  t.equal(encodeRun(new Uint32Array(1), new Uint8Array(60)).length, 64)
  t.equal(encodeRun(new Uint32Array(1), new Uint8Array(61)).length, 128)
  t.end()
})

t.test('a seal shows that a run is whole', t => {
  for (const slots of [Uint8Array.of(1, 0, 1), Uint16Array.of(1, 0, 300)]) {
    const run = encodeRun([7, 8], slots)
    const wide = slots.BYTES_PER_ELEMENT === 2
    t.ok(isSealed(run, 2, slots.length, wide))
    for (let i = 0; i < 8 + slots.byteLength; i++) {
      const torn = run.slice()
      torn[i]! ^= 1
      t.notOk(isSealed(torn, 2, slots.length, wide), `byte ${i}`)
    }
    t.notOk(isSealed(run.fill(0, 60), 2, slots.length, wide), 'written by an agent that sets none')
  }
  t.end()
})

t.test('a run without four bytes to spare has no seal', t => {
  t.notOk(isSealed(encodeRun([1], new Uint8Array(57)), 1, 57, false))
  t.ok(isSealed(encodeRun([1], new Uint8Array(56)), 1, 56, false))
  t.end()
})
