// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FAMILIES, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { startConnector } from './connector.ts'

const { lab, restart, look } = await clusterFor(t)

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
const FLOWS = (): number => look(({ flows }) => [...flows.entries()].length)

const stop = await startConnector(lab, 'neighbour', [vip(), vip(1, 'IPv6')])

for (const [podPath, want] of [
  ['socket', { hooks: HOOKS, devices: 0 }],
  ['packet', { hooks: 0, devices: DEVICES }],
  ['both', { hooks: HOOKS, devices: DEVICES }],
  ['socket', { hooks: HOOKS, devices: 0 }],
] as const)
  t.test(`to ${podPath}`, async t => {
    await restart('node1', { podPath })
    t.same(await attached(), want)
    const before = FLOWS()
    for (const family of FAMILIES) {
      const common = { address: vip(1, family), port: 80, count: 5 }
      const outcomes = await lab.dial('client', { protocol: 'http', ...common }, { protocol: 'udp', ...common })
      t.equal(outcomes.length, 10)
      for (const { pod, error, from } of outcomes) {
        t.match(pod, /^web-/, error ?? podPath)
        t.equal(from, `${vip(1, family)} 80`)
      }
    }
    if (podPath === 'packet') t.ok(FLOWS() > before, 'flows are written')
  })

t.test('a client that connected all the while noticed nothing', async t => {
  const { count, failures } = await stop()
  t.comment(`${count} connections`)
  t.same(failures, {})
})
