// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { Layout } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, prove, type Test } from '../services/fixture.ts'
import { anotherVersion, OTHER_VERSION } from './another-version.ts'
import { endClients, flowsAreKept, flowsOf, HTTP, homeOf, linked, NODE, nothingIsLeft, startClients } from './load.ts'

const other = anotherVersion()

/** From what serves now, whose version `from` is, to today's or to `project`. */
async function change(t: Test, cluster: Cluster, to: number, from?: string, project?: string): Promise<void> {
  const { lab } = cluster
  const home = homeOf(lab)
  const before = linked(join(home, readdirSync(home)[0] ?? ''))
  const running = await startClients(cluster)
  await lab.stopAgent(NODE, 'SIGKILL')
  const flows = cluster.path === 'packet' ? await flowsOf(t, cluster, from) : undefined
  await lab.startAgent(NODE, project === undefined ? {} : { project })
  await nothingIsLeft(t, lab, to, before)
  if (flows !== undefined) flowsAreKept(t, flows, await flowsOf(t, cluster, project))
  await endClients(t, running)
}

/** As a change of bpf/types.h without another number does. */
async function sameNumber(t: Test, { lab }: Cluster): Promise<void> {
  await lab.stopAgent(NODE)
  await lab.startAgent(NODE, { project: other })
  await lab.stopAgent(NODE)
  const home = homeOf(lab)
  const before = linked(join(home, `v${OTHER_VERSION}`))
  renameSync(join(home, `v${OTHER_VERSION}`), join(home, `v${Layout.VERSION}`))
  await lab.startAgent(NODE)
  await nothingIsLeft(t, lab, Layout.VERSION, before)
  t.match(await lab.dial('client', HTTP), [{ pod: /^web-/ }])
}

async function commands(t: Test, { lab }: Cluster): Promise<void> {
  await lab.stopAgent(NODE)
  await lab.startAgent(NODE, { project: other })
  const { code, stderr } = await lab.exec(NODE, ['evenkeel', 'status'])
  t.equal(code, 1)
  t.match(stderr, new RegExp(`evenkeel/v${OTHER_VERSION} are of another version`))
  await lab.stopAgent(NODE)
  t.equal((await lab.exec(NODE, ['evenkeel', 'cleanup'])).code, 0)
  t.notOk(existsSync(homeOf(lab)), 'no folder')
  await lab.startAgent(NODE)
  t.match((await lab.dial('client', HTTP))[0]?.pod, /^web-/)
}

prove(
  {
    'a newer agent takes over, and no connection fails': (t, cluster) =>
      change(t, cluster, OTHER_VERSION, undefined, other),
    'an older agent takes over from a newer one': (t, cluster) => change(t, cluster, Layout.VERSION, other),
    'maps of another layout under the same number are taken over as well': sameNumber,
    'status tells of another version, and cleanup removes it': commands,
  },
  { nodes: 1 },
)
