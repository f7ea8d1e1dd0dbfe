// SPDX-License-Identifier: Apache-2.0
/** Links end with their pins: an agent that went on would tell all is well while nobody is served. */
import { readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { pinFolder } from '../../agent/kernel/pins.ts'
import { agentLabel } from '../../lab/agents.ts'
import { labPaths } from '../../lab/state.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

const { lab, bpffs } = await clusterFor(t, {
  config: { sweepSeconds: 1 },
  topology: {
    nodes: [{ name: 'node1' }],
    pods: [
      { name: 'client', node: 'node1' },
      { name: 'web-0', node: 'node1', labels: { app: 'web' }, serve: 'hostnames' },
    ],
  },
})
const folder = pinFolder(bpffs('node1'))
const log = () => readFileSync(labPaths(lab.name).log(agentLabel('node1')), 'utf8')
const dial = () => lab.dial('client', { protocol: 'http', address: vip(1), port: 80, timeout: 500 })

/** As a supervisor does, when the one before has ended. */
async function startedAgain(): Promise<boolean> {
  for (let i = 0; i < 100; i++, await sleep(50)) {
    const runs = await lab.startAgent('node1').catch((error: Error) => error)
    if (runs === undefined) return true
  }
  return false
}

const PINS = [
  ['the links', folder.links, /a link in \S+ is gone: somebody has removed/],
  ['everything', folder.path, /ek_frontends is gone: somebody has removed/],
] as const

for (const [what, path, says] of PINS)
  t.test(what, async t => {
    t.match(await dial(), [{ pod: 'web-0' }])
    rmSync(path, { recursive: true })
    t.ok(await startedAgain(), 'the agent ends')
    t.match(log(), says)
    t.match(await dial(), [{ pod: 'web-0' }], 'and serves when it is started again')
  })
