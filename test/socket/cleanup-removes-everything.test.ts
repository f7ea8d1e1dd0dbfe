// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import { run } from '../own-network.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

const { lab, bpffs, cgroup } = await clusterFor(t, { config: { podPath: 'both' } })
const folder = pinFolder(bpffs('node1'))

/** What all pins of a folder are about. */
function pinned<T>(path: string, ask: (fd: number, name: string) => T): T[] {
  const files = readdirSync(path, { withFileTypes: true }).filter(entry => !entry.isDirectory())
  return files.map(({ name }) => {
    const fd = check(bridge.openPinned(join(path, name)), 'open', name)
    try {
      return ask(fd, name)
    } finally {
      bridge.close(fd)
    }
  })
}

async function gone(open: (id: number) => number, id: number): Promise<boolean> {
  for (let round = 0; round < 300; round++) {
    const fd = open(id)
    if (fd === -constants.errno.ENOENT) return true
    bridge.close(fd)
    await sleep(10)
  }
  return false
}

t.test('links, programs and maps', async t => {
  const programs = new Set(pinned(folder.links, (fd, name) => checkValue(bridge.linkInfo(fd), 'ask', name).programId))
  const maps = pinned(folder.path, (fd, name) => checkValue(bridge.mapInfo(fd), 'ask', name))
  t.ok(maps.some(({ name }) => name === 'ek_sock_orig') && maps.some(({ name }) => name === 'ek_flows'))
  t.equal(programs.size, 11 + 2 + 2, 'socket hooks, and tc programs of pods and uplinks')
  // An established connection goes on: to its backend it is one like any other.
  const kept = lab.dial('client', { protocol: 'http', address: vip(), port: 80, path: '/trickle/100000?seconds=4' })
  await sleep(1000)
  const early = await lab.exec('node1', ['evenkeel', 'cleanup'])
  t.match(early, { code: 1, stderr: /^evenkeel: an agent runs here: end it first/ })
  await lab.stopAgent('node1')
  const { code, stdout, stderr } = await lab.exec('node1', ['evenkeel', 'cleanup'])
  t.equal(code, 0, stderr)
  for (const id of programs) t.ok(await gone(bridge.programById, id), `program ${id} is gone`)
  for (const { id, name } of maps) t.ok(await gone(bridge.mapById, id), `map ${name} is gone`)
  t.same(readdirSync(bpffs('node1')), [], 'the folder of the pins is gone')
  t.match(stdout, /^removed .*\nleft: net\.ipv4\.ip_local_reserved_ports=30000-32767/)
  t.equal(run('bpftool', '-j', 'cgroup', 'show', cgroup('node1')).trim() || '[]', '[]', 'nothing on the cgroup')
  t.match(await kept, [{ bytes: 100_000 }])
})

t.test('a second time there is nothing to do, and an agent can start again', async t => {
  t.match(await lab.exec('node1', ['evenkeel', 'cleanup']), { code: 0, stdout: /^nothing to remove/ })
  await lab.startAgent('node1')
  const [outcome] = await lab.dial('client', { protocol: 'http', address: vip(), port: 80 })
  t.match(outcome?.pod, /^web-/)
})
