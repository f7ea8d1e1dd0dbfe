// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FAMILIES, vip } from '../services/manifests.ts'
import { clusterFor, type Test } from './cluster.ts'
import { startConnector } from './connector.ts'

const { lab, restart, look } = await clusterFor(t, { config: { uplinks: false } })

interface Attached {
  readonly hooks: number
  readonly devices: number
}

async function attached(): Promise<Attached> {
  const { stdout } = await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])
  const { sockets, programs } = JSON.parse(stdout) as { sockets: unknown[]; programs: { device: string }[] }
  return { hooks: sockets.length, devices: new Set(programs.map(({ device }) => device)).size }
}

const HOOKS = 11
/** client, neighbour, web-0 and web-1 */
const DEVICES = 4

function flows(): number {
  return look(({ flows }) => [...flows.entries()].length)
}

/** RFC 6298, 2.1 */
const SYN_AGAIN_MS = 1000

interface Step extends Attached {
  readonly podPath: 'socket' | 'packet' | 'both'
  /** A pod that connects all the while, with milliseconds of rest after each. */
  readonly client: string
  readonly pause: number
}

const STEPS: readonly Step[] = [
  { podPath: 'packet', hooks: 0, devices: DEVICES, client: 'neighbour', pause: 0 },
  // At full speed, direct connections would get ports of those that the packet path still remembers.
  { podPath: 'both', hooks: HOOKS, devices: DEVICES, client: 'web-0', pause: 50 },
  { podPath: 'socket', hooks: HOOKS, devices: 0, client: 'web-1', pause: 0 },
]

async function serves(t: Test): Promise<void> {
  for (const family of FAMILIES) {
    const common = { address: vip(1, family), port: 80, count: 5 }
    const outcomes = await lab.dial('client', { protocol: 'http', ...common }, { protocol: 'udp', ...common })
    t.equal(outcomes.length, 10)
    for (const { pod, error, from } of outcomes) {
      t.match(pod, /^web-/, error ?? family)
      t.equal(from, `${vip(1, family)} 80`)
    }
  }
}

t.test('begins as socket', async t => {
  t.same(await attached(), { hooks: HOOKS, devices: 0 })
  await serves(t)
})

for (const { podPath, client, pause, hooks, devices } of STEPS)
  t.test(`to ${podPath}`, async t => {
    const stop = await startConnector(lab, client, [vip(), vip(1, 'IPv6')], pause)
    await restart('node1', { podPath })
    const { count, failures, slowest } = await stop()
    t.comment(`${count} connections; the slowest took ${slowest} ms`)
    t.same(failures, {}, 'no connection failed meanwhile')
    t.ok(slowest < SYN_AGAIN_MS, 'no SYN had to be sent twice')
    t.same(await attached(), { hooks, devices })
    const before = flows()
    await serves(t)
    if (podPath === 'packet') t.ok(flows() > before, 'flows are written')
  })
