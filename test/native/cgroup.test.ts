// SPDX-License-Identifier: Apache-2.0

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { cgroupRoot } from '../../agent/kernel/mounts.ts'
import { inOwnNetwork, ip } from '../own-network.ts'
import { compile, fine, load, runs } from './object.ts'

const BPF_CGROUP_INET4_CONNECT = 10
const LINK_CGROUP = 3

/** Tries to connect from inside a cgroup to a port of loopback where nobody listens; gives what connect said. */
function connectIn(cgroup: string): string {
  const code = `require('node:net').connect(9, '127.0.0.1').on('error', e => { console.log(e.code); process.exit() })`
  const shell = 'echo $$ > "$0/cgroup.procs" && exec "$1" -e "$2"'
  const { stdout, stderr } = spawnSync('sh', ['-c', shell, cgroup, process.execPath, code], { encoding: 'utf8' })
  return stdout.trim() || stderr
}

if (inOwnNetwork(import.meta.filename)) {
  t.test('a cgroup link hooks the connects of its processes and no others', async t => {
    ip('link', 'set', 'lo', 'up')
    const cgroup = join(cgroupRoot(), `evenkeel-test-${process.pid}`)
    mkdirSync(cgroup)
    t.teardown(() => rmdirSync(cgroup))
    const loaded = load(compile('bridge'))
    const folder = fine(bridge.openFolder(cgroup))
    t.equal(connectIn(cgroup), 'ECONNREFUSED', 'as without a program')
    const link = fine(bridge.attachCgroup(loaded.program('refuse_connect'), folder, BPF_CGROUP_INET4_CONNECT))
    t.match(bridge.linkInfo(link), { type: LINK_CGROUP, ifindex: 0, attachType: BPF_CGROUP_INET4_CONNECT })
    t.equal(connectIn(cgroup), 'EPERM')
    t.equal(runs(loaded), 1)
    bridge.close(link)
    t.equal(connectIn(cgroup), 'ECONNREFUSED', 'detached')
    t.ok(bridge.attachCgroup(loaded.program('count_and_pass'), folder, BPF_CGROUP_INET4_CONNECT) < 0)
    t.ok(bridge.attachCgroup(loaded.program('refuse_connect'), loaded.map('plain'), BPF_CGROUP_INET4_CONNECT) < 0)
    bridge.close(folder)
    loaded.close()
  })
}
