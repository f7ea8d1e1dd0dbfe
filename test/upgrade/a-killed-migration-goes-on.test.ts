// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { Layout } from '../../agent/kernel/layout.gen.ts'
import { labPaths } from '../../lab/state.ts'
import { type Cluster, prove, type Test } from '../services/fixture.ts'
import { anotherVersion, OTHER_VERSION } from './another-version.ts'
import { endClients, flowsAreKept, flowsOf, HTTP, homeOf, linked, NODE, nothingIsLeft, startClients } from './load.ts'

const other = anotherVersion()
const INTERRUPTED = join(import.meta.dirname, 'interrupted-agent.ts')

/** In the order in which they come. */
const STEPS = ['shared', 'filled flows', 'followed', 'adopted', 'flipped', 'removed']

async function killedAt({ lab }: Cluster, step: string): Promise<void> {
  const file = labPaths(lab.name).config(NODE)
  const { code, stderr } = await lab.exec(NODE, [process.execPath, INTERRUPTED, file, lab.manifests, step])
  if (code === 3 || code === 4) throw new Error(`the agent was not killed at "${step}": ${stderr || code}`)
}

async function killedOnTheWay(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  await lab.stopAgent(NODE)
  await lab.startAgent(NODE, { project: other })
  const before = linked(join(homeOf(lab), `v${OTHER_VERSION}`))
  const running = await startClients(cluster)
  await lab.stopAgent(NODE)
  const flows = await flowsOf(t, cluster, other)
  for (const step of STEPS) {
    await killedAt(cluster, step)
    t.match(await lab.dial('client', HTTP), [{ pod: /^web-/ }], `killed at "${step}", it serves`)
  }
  await lab.startAgent(NODE)
  await nothingIsLeft(t, lab, Layout.VERSION, before)
  flowsAreKept(t, flows, await flowsOf(t, cluster))
  await endClients(t, running)
}

prove(
  { 'an agent that is killed on the way leaves a node that serves, and the next one goes on': killedOnTheWay },
  { nodes: 1, paths: ['packet'] },
)
