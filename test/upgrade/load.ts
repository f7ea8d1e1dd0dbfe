// SPDX-License-Identifier: Apache-2.0
/** A node whose agent changes its version under load: what must go on, and what must be gone. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import type { DialOptions } from '../../lab/dial.ts'
import type { Lab } from '../../lab/lab.ts'
import { BACKENDS, type Cluster, type Test } from '../services/fixture.ts'
import { vip } from '../services/manifests.ts'
import { type Background, dialOn, tally, who } from '../services/outcomes.ts'

export const NODE = 'node1'
export const HTTP: DialOptions = { protocol: 'http', address: vip(), port: 80 }
const UDP: DialOptions = { protocol: 'udp', address: vip(), port: 80 }
const LONG = { seconds: 120, pause: 20 }
const ATTACHED = join(import.meta.dirname, 'attached-programs.ts')

export type Running = Readonly<Record<string, Background>>

/** Each keeps one connection or socket for all its requests, but the last, which opens one for each. Waits until they run. */
export async function startClients({ lab }: Cluster): Promise<Running> {
  const running = {
    'a connection': dialOn(lab, 'client', { ...HTTP, ...LONG, shared: true }),
    'a UDP socket': dialOn(lab, 'neighbour', { ...UDP, ...LONG, shared: true }),
    'a connected UDP socket over IPv6': dialOn(lab, 'neighbour', {
      ...{ ...UDP, ...LONG, address: vip(1, 'IPv6') },
      ...{ shared: true, connected: true },
    }),
    'new connections': dialOn(lab, 'client', { ...HTTP, ...LONG }),
  }
  await Promise.all(Object.values(running).map(client => client.next()))
  return running
}

/** Asserts that none failed, and that what is one connection has stayed at its backend. */
export async function endClients(t: Test, running: Running): Promise<void> {
  for (const [name, client] of Object.entries(running)) {
    await client.next()
    client.stop()
    const outcomes = await client.end
    const answered = who(outcomes)
    t.ok(outcomes.length > 10, `${name}: ${outcomes.length} requests`)
    t.same(
      answered.filter(pod => !BACKENDS.some(known => known === pod)),
      [],
      JSON.stringify(tally(outcomes)),
    )
    if (name !== 'new connections') t.equal(answered.length, 1, `${name} stays at its backend`)
  }
}

/** The folder of all versions' pins. */
export function homeOf(lab: Lab): string {
  return join(pinFolder(lab.bpffs(NODE)).path, '..')
}

/** Program ids by the names of links. */
export function linked(folder: string): Map<string, number> {
  const links = join(folder, 'links')
  return new Map(
    readdirSync(links).map(name => {
      const fd = check(bridge.openPinned(join(links, name)), 'open', name)
      const { programId } = checkValue(bridge.linkInfo(fd), 'ask', name)
      bridge.close(fd)
      return [name, programId]
    }),
  )
}

/** One set of programs, exchanged; one folder; and nothing that still runs or is kept of the other version. */
export async function nothingIsLeft(t: Test, lab: Lab, version: number, before: Map<string, number>): Promise<void> {
  const home = homeOf(lab)
  t.same(readdirSync(home), [`v${version}`], 'one folder')
  const after = linked(join(home, `v${version}`))
  t.same([...after.keys()].sort(), [...before.keys()].sort(), 'the same links')
  t.same(
    [...after].filter(([name, id]) => before.get(name) === id),
    [],
    'every program was exchanged',
  )
  const { stdout } = await lab.exec(NODE, [process.execPath, ATTACHED])
  const onDevices = [...after].filter(([name]) => name.startsWith('tc_')).map(([, id]) => id)
  t.same(
    JSON.parse(stdout).toSorted(),
    onDevices.toSorted(),
    `${onDevices.length} programs on devices, all of them linked`,
  )
  for (const id of before.values()) if (!(await gone(id))) t.fail(`program ${id} is still there`)
}

async function gone(id: number): Promise<boolean> {
  for (let round = 0; round < 500; round++) {
    const fd = bridge.programById(id)
    if (fd < 0) return true
    bridge.close(fd)
    await sleep(10)
  }
  return false
}

/** Backends by client, of connections through the packet path. */
export async function flowsOf(t: Test, { lab }: Cluster, project?: string): Promise<Map<string, string>> {
  const command = project === undefined ? 'evenkeel' : join(project, 'evenkeel')
  const { stdout } = await lab.exec(NODE, [command, 'flows', '-o', 'json', '--limit', '10000', lab.address('client')])
  const flows: Record<string, string>[] = JSON.parse(stdout)
  const pods = BACKENDS.map(pod => lab.address(pod))
  const odd = flows.filter(
    flow => flow.service !== 'default/web:http/TCP' || !pods.some(pod => flow.backend?.startsWith(`${pod}:`)),
  )
  t.same(odd.slice(0, 3), [], `${flows.length} flows: each is of its Service, and leads to a backend`)
  return new Map(flows.map(({ client, backend }) => [client ?? '', backend ?? '']))
}

/** Most are of connections that had ended: nothing but the copy can have brought them. */
export function flowsAreKept(t: Test, before: Map<string, string>, after: Map<string, string>): void {
  const kept = [...before].filter(([client, backend]) => after.get(client) === backend)
  t.ok(before.size > 3 && kept.length > before.size / 2, `${kept.length} of ${before.size} flows were carried over`)
}
