// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, good, load, u32 } from './object.ts'

const elf = compile('bridge')

t.test('what is written to mapped memory is seen by look-ups and by programs', async t => {
  const loaded = load(elf)
  const fd = loaded.map('mapped')
  const memory = good(bridge.mapMmap(fd, 4096 * 8))
  t.equal(memory.length, 4096 * 8)
  memory.writeUInt32LE(4000, 5 * 8)
  const got = Buffer.alloc(4)
  bridge.mapLookup(fd, u32(5), got)
  t.same(got, u32(4000))
  t.equal(bridge.testRun(loaded.program('read_mapped'), { data: Buffer.alloc(64) }).retval, 4001)
  bridge.mapUpdate(fd, u32(4095), u32(99))
  t.equal(memory.readUInt32LE(4095 * 8), 99)
  loaded.close()
  t.equal(memory.readUInt32LE(5 * 8), 4000, 'outlives the map descriptor')
})

t.test('memory that the map does not have is not mapped', async t => {
  const loaded = load(elf)
  t.throws(() => bridge.mapMmap(loaded.map('mapped'), 4096 * 8 + 1), RangeError)
  t.throws(() => bridge.mapMmap(loaded.map('mapped'), 0), RangeError)
  t.equal(bridge.mapMmap(loaded.map('plain'), 8), -constants.errno.EINVAL)
  t.equal(bridge.mapMmap(loaded.map('ring'), 8), -constants.errno.EINVAL)
  t.equal(bridge.mapMmap(loaded.program('read_mapped'), 8), -constants.errno.EINVAL)
  const plain = bridge.mapCreate({ name: 'unmapped', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 })
  t.equal(bridge.mapMmap(plain, 8), -constants.errno.EINVAL, 'without BPF_F_MMAPABLE')
  bridge.close(plain)
  loaded.close()
})
