// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, open } from './object.ts'

t.test("a refused program's log holds the reason", async t => {
  const object = open(compile('refused'))
  const { errno, log } = bridge.objectLoad(object)
  t.equal(errno, -constants.errno.EACCES)
  t.match(log, /invalid access to packet, off=100 size=1/)
  t.match(log, /reads_past_the_end/)
  t.ok(log.length <= 256 * 1024)
  t.equal(bridge.objectProgramFd(object, 'reads_past_the_end'), -constants.errno.EINVAL)
  bridge.objectClose(object)
})
