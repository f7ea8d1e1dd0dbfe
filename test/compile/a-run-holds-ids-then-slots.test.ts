// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { maglevTable } from '../../agent/compile/maglev.ts'
import { encodeRun, isSealed, runBytes } from '../../agent/compile/run.ts'
import { neighbours } from './maglev-sets.ts'

const many = (count: number) => Uint32Array.from({ length: count }, (_, i) => i + 1)

t.test('up to 16 backends: slots of half a byte, the first one in the low bits', t => {
  const run = encodeRun([7, 0x01020304, 9], Uint8Array.of(1, 0, 2, 1, 2))
  t.equal(run.length, 64)
  t.same([...run.subarray(0, 16)], [7, 0, 0, 0, 4, 3, 2, 1, 9, 0, 0, 0, 0x01, 0x12, 0x02, 0])
  t.ok(
    run.subarray(15, 60).every(byte => byte === 0),
    'zeros follow',
  )
  t.equal(encodeRun(many(16), Uint8Array.of(15, 15))[64], 0xff)
  t.end()
})

t.test('up to 256 backends: slots of a byte', t => {
  t.same([...encodeRun(many(17), Uint8Array.of(16, 1)).subarray(17 * 4, 17 * 4 + 3)], [16, 1, 0])
  t.same([...encodeRun(many(256), Uint8Array.of(255, 1)).subarray(256 * 4, 256 * 4 + 3)], [255, 1, 0])
  t.end()
})

t.test('more backends: slots of two bytes', t => {
  t.same([...encodeRun(many(257), Uint16Array.of(0, 256)).subarray(257 * 4, 257 * 4 + 4)], [0, 0, 0, 1])
  t.end()
})

t.test('bytes that tables take', t => {
  const wanted = { 1: 64, 2: 704, 10: 704, 12: 704, 13: 704, 14: 1_408, 16: 1_408, 17: 2_688, 26: 2_752, 100: 10_880 }
  for (const [count, bytes] of Object.entries(wanted))
    t.equal(encodeRun(many(Number(count)), maglevTable(neighbours(Number(count)))).length, bytes, `${count} backends`)
  t.end()
})

t.test('a run that fits exactly is not padded', t => {
  t.equal(encodeRun(new Uint32Array(1), new Uint8Array(120)).length, 64)
  t.equal(encodeRun(new Uint32Array(1), new Uint8Array(121)).length, 128)
  t.end()
})

t.test('a seal shows that a run is whole', t => {
  for (const count of [2, 17, 257]) {
    const slots = count > 256 ? Uint16Array.of(1, 0, 256) : Uint8Array.of(1, 0, 1)
    const run = encodeRun(many(count), slots)
    t.ok(isSealed(run, count, slots.length))
    for (let i = 0; i < runBytes(count, slots.length); i++) {
      const torn = run.slice()
      torn[i]! ^= 1
      t.notOk(isSealed(torn, count, slots.length), `byte ${i}`)
    }
    t.notOk(isSealed(run.fill(0, run.length - 4), count, slots.length), 'written by an agent that sets none')
  }
  t.end()
})

t.test('nothing is left of the run before', t => {
  encodeRun(many(16), new Uint8Array(1_303).fill(15))
  const run = encodeRun([1], Uint8Array.of(0))
  t.same([...run.subarray(5, -4)], new Array(run.length - 9).fill(0))
  t.end()
})

t.test('a run without four bytes to spare has no seal', t => {
  t.notOk(isSealed(encodeRun([1], new Uint8Array(113)), 1, 113))
  t.ok(isSealed(encodeRun([1], new Uint8Array(112)), 1, 112))
  t.end()
})
