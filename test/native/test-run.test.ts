// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, load, runs } from './object.ts'

const elf = compile('bridge')

t.test('a packet goes in, and the changed packet and context come out', async t => {
  const loaded = load(elf)
  const data = Buffer.alloc(60, 7)
  const dataOut = Buffer.alloc(100)
  // struct __sk_buff: len, pkt_type, mark, ...
  const ctx = Buffer.alloc(192)
  ctx.writeUInt32LE(41, 8)
  const ctxOut = Buffer.alloc(192)
  const result = bridge.testRun(loaded.program('mark_packet'), { data, dataOut, ctx, ctxOut })
  t.match(result, { errno: 0, retval: 7, dataSizeOut: 60, ctxSizeOut: 192 })
  t.same(dataOut.subarray(0, 60), Buffer.concat([Buffer.of(0xee), data.subarray(1)]))
  t.ok(dataOut.subarray(60).every(byte => byte === 0))
  t.same(data, Buffer.alloc(60, 7), 'the input stays')
  t.equal(ctxOut.readUInt32LE(8), 42)
  loaded.close()
})

t.test('repeat runs it many times', async t => {
  const loaded = load(elf)
  const data = Buffer.alloc(60)
  const result = bridge.testRun(loaded.program('count_and_drop'), { data, repeat: 1000 })
  t.match(result, { errno: 0, retval: 2 })
  t.ok(result.duration < 1e6)
  t.equal(runs(loaded), 1000)
  loaded.close()
})

t.test('an output that is too short is filled and no more', async t => {
  const loaded = load(elf)
  const all = Buffer.alloc(60, 0xaa)
  const result = bridge.testRun(loaded.program('mark_packet'), {
    data: Buffer.alloc(60, 7),
    dataOut: all.subarray(10, 20),
  })
  t.match(result, { errno: -constants.errno.ENOSPC, dataSizeOut: 60 })
  t.ok(all.subarray(0, 10).every(byte => byte === 0xaa) && all.subarray(20).every(byte => byte === 0xaa))
  const empty = bridge.testRun(loaded.program('mark_packet'), { data: Buffer.alloc(60), dataOut: all.subarray(0, 0) })
  t.match(empty, { errno: 0, retval: 0 })
  t.ok(all.subarray(0, 10).every(byte => byte === 0xaa))
  loaded.close()
})

t.test('a map is no program', async t => {
  const loaded = load(elf)
  t.equal(bridge.testRun(loaded.map('plain'), { data: Buffer.alloc(60) }).errno, -constants.errno.EINVAL)
  loaded.close()
})
