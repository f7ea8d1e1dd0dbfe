// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, fine, good, load, open, u32 } from './object.ts'

const { ENOENT, EBUSY, EINVAL } = constants.errno
const elf = compile('bridge')

t.test('an object tells its maps and programs before it is loaded', async t => {
  const object = open(elf)
  const plain = bridge.objectMaps(object).find(map => map.name === 'plain')
  t.same(plain, { name: 'plain', type: 1, keySize: 8, valueSize: 12, maxEntries: 1024, flags: 0 })
  const program = bridge.objectPrograms(object).find(program => program.name === 'xdp_count')
  t.same(program, { name: 'xdp_count', section: 'xdp', type: 6 })
  t.equal(bridge.objectMapFd(object, 'plain'), -EINVAL)
  t.equal(bridge.objectProgramFd(object, 'xdp_count'), -EINVAL)
  bridge.objectClose(object)
  bridge.objectClose(object)
  t.throws(() => bridge.objectMaps(object), { message: /objectMaps: object is closed/ })
})

t.test('sizes, constants and the choice of programs are set before the load', async t => {
  const object = open(elf)
  t.equal(bridge.objectSetMaxEntries(object, 'plain', 77), 0)
  t.equal(bridge.objectSetMaxEntries(object, 'none', 77), -ENOENT)
  t.equal(bridge.objectSetRodata(object, u32(40)), 0)
  t.throws(() => bridge.objectSetRodata(object, Buffer.alloc(100)), RangeError)
  t.equal(bridge.objectSetAutoload(object, 'xdp_count', false), 0)
  t.same(bridge.objectLoad(object), { errno: 0, log: '' })
  const map = fine(bridge.objectMapFd(object, 'plain'))
  t.match(bridge.mapInfo(map), { name: 'plain', maxEntries: 77, keySize: 8, valueSize: 12 })
  t.equal(bridge.objectProgramFd(object, 'xdp_count'), -EINVAL, 'left out')
  const program = fine(bridge.objectProgramFd(object, 'read_mapped'))
  t.match(bridge.testRun(program, { data: Buffer.alloc(64) }), { errno: 0, retval: 40 })
  t.equal(bridge.objectSetMaxEntries(object, 'plain', 78), -EBUSY)
  t.equal(bridge.objectSetRodata(object, u32(41)), -EBUSY)
  t.equal(bridge.objectSetAutoload(object, 'xdp_count', true), -EBUSY)
  t.equal(bridge.objectLoad(object).errno, -EINVAL, 'only once')
  bridge.objectClose(object)
  t.match(bridge.mapInfo(map), { name: 'plain' }, 'descriptors outlive the object')
  bridge.close(map)
  bridge.close(program)
})

t.test('a map of another object takes the place of a new one, if it fits', async t => {
  const first = load(elf)
  const second = open(elf)
  t.equal(bridge.objectReuseMap(second, 'mapped', first.map('plain')), -EINVAL)
  t.equal(bridge.objectReuseMap(second, 'mapped', first.program('read_mapped')), -EINVAL)
  t.equal(bridge.objectReuseMap(second, 'mapped', first.map('mapped')), 0)
  t.equal(bridge.objectLoad(second).errno, 0)
  fine(bridge.mapUpdate(first.map('mapped'), u32(5), u32(1000)))
  const program = fine(bridge.objectProgramFd(second, 'read_mapped'))
  t.equal(bridge.testRun(program, { data: Buffer.alloc(64) }).retval, 1001)
  bridge.close(program)
  bridge.objectClose(second)
  first.close()
})

t.test('a program tells its size, its maps and what the verifier did', async t => {
  const loaded = load(elf)
  const info = good(bridge.programInfo(loaded.program('read_mapped')))
  t.match(info, { name: 'read_mapped', type: 3, tag: /^[0-9a-f]{16}$/ })
  t.ok(info.xlatedSize > 0 && info.verifiedInsns > 0)
  t.equal(info.mapIds[0], good(bridge.mapInfo(loaded.map('mapped'))).id)
  t.equal(bridge.programInfo(loaded.map('mapped')), -EINVAL)
  t.equal(bridge.mapInfo(loaded.program('read_mapped')), -EINVAL)
  loaded.close()
})

t.test('the BTF of a file and of its loaded map are of one layout', async t => {
  const loaded = load(elf)
  const file = good(bridge.elfBtf(elf))
  const info = good(bridge.mapInfo(loaded.map('plain')))
  const live = good(bridge.btfById(info.btfId))
  t.equal(file.readUInt16LE(0), 0xeb9f, 'magic number')
  t.equal(live.readUInt16LE(0), 0xeb9f, 'magic number')
  t.ok(file.includes('count_and_drop'))
  t.ok(live.includes('number\0'))
  t.equal(bridge.btfById(2 ** 31 - 1), -ENOENT)
  const again = fine(bridge.mapById(info.id))
  t.same(bridge.mapInfo(again), info)
  bridge.close(again)
  loaded.close()
})

t.test('what is no object file, or only a part of one, is refused', async t => {
  for (const size of [0, 1, 4, 16, 63, 64, 100]) {
    t.ok((bridge.objectOpen(elf.subarray(0, size), 'cut') as number) < 0, `${size} bytes`)
    t.ok((bridge.elfBtf(elf.subarray(0, size)) as number) < 0, `${size} bytes`)
  }
  for (let size = 0; size < elf.length; size += 7) {
    const result = bridge.elfBtf(elf.subarray(0, size))
    if (typeof result !== 'number') t.same(result, bridge.elfBtf(elf))
  }
  t.equal((bridge.objectOpen(Buffer.alloc(4096, 1), 'noise') as number) < 0, true)
})
