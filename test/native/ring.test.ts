// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, good, type Loaded, load } from './object.ts'

const elf = compile('bridge')

function send(loaded: Loaded, size: number): number {
  return bridge.testRun(loaded.program('send_record'), { data: Buffer.alloc(size) }).retval
}

t.test('records are read in order, at most as many as are asked for', async t => {
  const loaded = load(elf)
  const ring = good(bridge.ringOpen(loaded.map('ring')))
  t.same(bridge.ringConsume(ring, 10), [])
  for (let i = 0; i < 10; i++) send(loaded, 100 + i)
  const first = bridge.ringConsume(ring, 4)
  const rest = bridge.ringConsume(ring, 100)
  const sizes = [...first, ...rest].map(record => Number(record.readBigUInt64LE()))
  t.equal(first.length, 4)
  t.equal(rest.length, 6)
  t.same(
    sizes,
    Array.from({ length: 10 }, (_, i) => (sizes[0] ?? 0) + i),
  )
  bridge.ringClose(ring)
  bridge.ringClose(ring)
  t.throws(() => bridge.ringConsume(ring, 1), { message: /ring is closed/ })
  t.throws(() => bridge.ringFd(ring), { message: /ring is closed/ })
  loaded.close()
})

t.test('a full ring drops, and goes on when it was read', async t => {
  const loaded = load(elf)
  const ring = good(bridge.ringOpen(loaded.map('ring')))
  let stored = 0
  while (send(loaded, 64) === 0) stored++
  t.equal(stored, 255, '4096 bytes, 16 each, one is never used')
  t.equal(bridge.ringConsume(ring, 1000).length, 255)
  t.equal(send(loaded, 64), 0)
  t.equal(bridge.ringConsume(ring, 1000).length, 1)
  bridge.ringClose(ring)
  loaded.close()
})

t.test('a watched ring calls back when records come', async t => {
  const loaded = load(elf)
  const ring = good(bridge.ringOpen(loaded.map('ring')))
  let records = 0
  const unwatch = good(
    bridge.watch(bridge.ringFd(ring), () => {
      records += bridge.ringConsume(ring, 1000).length
    }),
  )
  for (let i = 0; i < 5; i++) {
    send(loaded, 64)
    for (let waited = 0; records <= i && waited < 1000; waited += 5) await sleep(5)
    t.equal(records, i + 1)
  }
  unwatch()
  unwatch()
  send(loaded, 64)
  await sleep(30)
  t.equal(records, 5)
  bridge.ringClose(ring)
  loaded.close()
})

t.test('only a ring buffer map has a ring', async t => {
  const loaded = load(elf)
  t.equal(bridge.ringOpen(loaded.map('plain')), -constants.errno.EINVAL)
  t.equal(bridge.ringOpen(loaded.program('send_record')), -constants.errno.EINVAL)
  loaded.close()
})
