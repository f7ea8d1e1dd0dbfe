// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, fine, good, load, u32 } from './object.ts'

const { ENOENT, EEXIST, EBADF, ENOTDIR } = constants.errno

t.test('pinned maps and programs are opened again by their path', async t => {
  const folder = `/sys/fs/bpf/evenkeel-test-${process.pid}`
  mkdirSync(folder)
  t.teardown(() => rmSync(folder, { recursive: true }))
  const loaded = load(compile('bridge'))
  t.equal(bridge.pin(loaded.map('mapped'), `${folder}/map`), 0)
  t.equal(bridge.pin(loaded.program('read_mapped'), `${folder}/program`), 0)
  t.equal(bridge.pin(loaded.map('mapped'), `${folder}/map`), -EEXIST)
  const { id } = good(bridge.mapInfo(loaded.map('mapped')))
  fine(bridge.mapUpdate(loaded.map('mapped'), u32(5), u32(6)))
  loaded.close()
  const map = fine(bridge.openPinned(`${folder}/map`))
  const program = fine(bridge.openPinned(`${folder}/program`))
  t.equal(good(bridge.mapInfo(map)).id, id)
  t.equal(bridge.testRun(program, { data: Buffer.alloc(64) }).retval, 7)
  t.equal(bridge.openPinned(`${folder}/none`), -ENOENT)
  t.equal(bridge.close(map), 0)
  t.equal(bridge.close(program), 0)
})

t.test('only descriptors that the bridge gave are closed', async t => {
  const folder = fine(bridge.openFolder('/sys/fs/bpf'))
  t.equal(bridge.close(folder), 0)
  t.equal(bridge.close(folder), -EBADF, 'a second time')
  const foreign = openSync('/dev/null', 'r')
  t.equal(bridge.close(foreign), -EBADF)
  closeSync(foreign)
  t.equal(bridge.close(1), -EBADF)
  t.equal(bridge.openFolder('/dev/null'), -ENOTDIR)
})
