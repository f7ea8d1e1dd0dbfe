// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { inOwnNetwork } from '../own-network.ts'
import { sendDatagrams, veth } from './devices.ts'
import { compile, fine, load, runs } from './object.ts'

function tc(...command: readonly string[]): string {
  return execFileSync('tc', command, { encoding: 'utf8' })
}

if (inOwnNetwork(import.meta.filename)) {
  const elf = compile('bridge')

  t.test('a filter is added and removed, and those of others stay', async t => {
    const loaded = load(elf)
    const { near } = veth(t, 'cls')
    tc('qdisc', 'add', 'dev', 'cls', 'clsact')
    tc('filter', 'add', 'dev', 'cls', 'egress', 'prio', '3', 'u32', 'match', 'u32', '0', '0', 'flowid', '1:1')
    const others = tc('filter', 'show', 'dev', 'cls', 'egress')
    t.match(others, /u32/)
    t.equal(bridge.attachClsact(loaded.program('count_and_pass'), near, true, 1, 1), 0)
    t.equal(bridge.attachClsact(loaded.program('count_and_drop'), near, true, 2, 2), 0)
    t.match(tc('filter', 'show', 'dev', 'cls', 'egress'), /bpf.*handle 0x1 count_and_pass/)
    await sendDatagrams(10)
    t.ok(runs(loaded) >= 20, 'both programs ran')

    t.equal(bridge.detachClsact(near, true, 2, 2), 0)
    t.match(tc('filter', 'show', 'dev', 'cls', 'egress'), /count_and_pass/)
    t.equal(bridge.attachClsact(loaded.program('count_and_drop'), near, true, 1, 1), 0, 'replaced')
    t.notMatch(tc('filter', 'show', 'dev', 'cls', 'egress'), /count_and_pass/)
    t.equal(bridge.detachClsact(near, true, 1, 1), 0)
    t.equal(bridge.detachClsact(near, true, 1, 1), -constants.errno.ENOENT)
    t.equal(tc('filter', 'show', 'dev', 'cls', 'egress'), others)
    loaded.close()
  })

  t.test('the qdisc is made when it is missing, and stays', async t => {
    const loaded = load(elf)
    const { far } = veth(t, 'cls')
    t.notMatch(tc('qdisc', 'show', 'dev', 'clsp'), /clsact/)
    t.equal(bridge.attachClsact(loaded.program('count_and_pass'), far, false, 1, 1), 0)
    const before = runs(loaded)
    await sendDatagrams(5)
    t.ok(runs(loaded) >= before + 5)
    fine(bridge.detachClsact(far, false, 1, 1))
    t.match(tc('qdisc', 'show', 'dev', 'clsp'), /clsact/)
    t.equal(bridge.attachClsact(loaded.program('count_and_pass'), 123456, false, 1, 1), -constants.errno.ENODEV)
    loaded.close()
  })
}
