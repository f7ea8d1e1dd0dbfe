// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { addressText } from '../../agent/kernel/address.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { HOOKS } from '../../agent/kernel/hooks.ts'
import { workspace } from '../kernel/workspace.ts'
import { run } from '../own-network.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor, podsByAddress } from './cluster.ts'

const { lab, cgroup } = await clusterFor(t)
const work = workspace()
const source = readFileSync(join(import.meta.dirname, 'witness.bpf.c'), 'utf8')
const folder = cgroup('node1')
const pods = podsByAddress(lab)

interface Witness {
  readonly program: number
  readonly id: number
  /** How many connects, and the address of the last one. */
  seen(): readonly [count: number, address: string]
}

function load(): Witness {
  const file = work.compile('witness', source)
  const object = checkValue(bridge.objectOpen(readFileSync(file), 'witness'), 'open', file)
  check(bridge.objectLoad(object).errno, 'load', file)
  const program = check(bridge.objectProgramFd(object, 'witness'), 'open program', file)
  const map = check(bridge.objectMapFd(object, 'seen'), 'open map', file)
  return {
    program,
    id: checkValue(bridge.programInfo(program), 'ask', file).id,
    seen() {
      const value = Buffer.alloc(8)
      check(bridge.mapLookup(map, Buffer.alloc(4), value), 'look up', file)
      return [value.readUInt32LE(0), addressText(value.subarray(4))]
    },
  }
}

const PIN = join(work.bpffs, 'witness')

/** As tools do that know no links: bpf(BPF_PROG_ATTACH), with BPF_F_ALLOW_MULTI or exclusively. */
function command(what: 'attach' | 'detach', ...flags: readonly string[]): void {
  run('bpftool', 'cgroup', what, folder, 'cgroup_inet4_connect', 'pinned', PIN, ...flags)
}

/** Closing the descriptor that it gives detaches. */
function attachByLink({ program }: Witness): number {
  const fd = check(bridge.openFolder(folder), 'open', folder)
  const link = check(bridge.attachCgroup(program, fd, HOOKS.sock_connect4), 'attach', folder)
  bridge.close(fd)
  return link
}

/** Programs at connect4, in their order. */
function attached(): number[] {
  const rows: { id: number; attach_type: string }[] = JSON.parse(
    run('bpftool', '-j', 'cgroup', 'show', folder).trim() || '[]',
  )
  return rows.filter(({ attach_type }) => /inet4_connect/.test(attach_type)).map(({ id }) => id)
}

async function curl(url: string): Promise<string> {
  return (await lab.exec('client', ['curl', '-s', '--max-time', '2', url])).stdout.trim()
}

async function cleanUp(): Promise<void> {
  await lab.stopAgent('node1')
  t.equal((await lab.exec('node1', ['evenkeel', 'cleanup'])).code, 0)
}

let link = -1
const before = load()
const after = load()

t.test('programs that were there before and that come after both run', async t => {
  await cleanUp()
  t.same(attached(), [])
  check(bridge.pin(before.program, PIN), 'pin', PIN)
  command('attach', 'multi')
  await lab.startAgent('node1')
  link = attachByLink(after)
  const [first, , last] = attached()
  t.same([first, attached().length, last], [before.id, 3, after.id])
  t.match(await curl(`http://${vip()}/`), /^web-\d$/)
  t.same(before.seen(), [1, vip()], 'the one before sees what was dialled')
  const [count, address] = after.seen()
  t.equal(count, 1)
  t.match(pods.get(address), /^web-\d$/, `the one after sees the backend: ${address}`)
})

t.test('a new agent keeps the place among them', async t => {
  const order = attached()
  await lab.stopAgent('node1')
  await lab.startAgent('node1')
  t.same([attached().at(0), attached().length, attached().at(-1)], [order[0], 3, order[2]])
  t.match(await curl(`http://${vip()}/`), /^web-\d$/)
  t.equal(before.seen()[0], 2)
  t.equal(after.seen()[0], 2)
})

t.test('cleanup leaves them', async t => {
  await cleanUp()
  t.same(attached(), [before.id, after.id])
  t.equal(await curl(`http://${lab.address('web-0')}:9376/`), 'web-0')
  t.same(before.seen(), [3, lab.address('web-0')])
  t.same(after.seen(), [3, lab.address('web-0')])
})

t.test('one that was attached exclusively keeps ours out, and the agent says so', async t => {
  bridge.close(link)
  command('detach')
  command('attach')
  await t.rejects(lab.startAgent('node1'), {
    message: /attach sock_connect4 .*EPERM.*BPF_F_ALLOW_MULTI: bpftool cgroup tree/,
  })
  t.same(attached(), [before.id])
  command('detach')
  await lab.startAgent('node1')
  t.match(await curl(`http://${vip()}/`), /^web-\d$/, 'without it, it starts')
})
