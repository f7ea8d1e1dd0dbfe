// SPDX-License-Identifier: Apache-2.0
/** Each ends by itself, says why, and leaves what serves as it is. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { Layout } from '../../agent/kernel/layout.gen.ts'
import { labPaths } from '../../lab/state.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

const { lab, bpffs, log } = await clusterFor(t, {
  topology: {
    nodes: [{ name: 'node1' }],
    pods: [
      { name: 'client', node: 'node1' },
      { name: 'web-0', node: 'node1', labels: { app: 'web' }, serve: 'hostnames' },
    ],
  },
})
const ours: object = parse(readFileSync(labPaths(lab.name).config('node1'), 'utf8'))
const file = join(lab.folder, 'config.yaml')

interface Case {
  readonly what: string
  readonly config?: object
  readonly manifests?: string
  readonly args?: readonly string[]
  /** The command that it runs under. */
  readonly under?: readonly string[]
  readonly says: RegExp
}

const rights = (...all: readonly string[]) => ['setpriv', `--bounding-set=${all}`, '--inh-caps=-all']

const CASES: readonly Case[] = [
  { what: 'no manifests', manifests: '/nonexistent', says: /^evenkeel: \/nonexistent: it does not exist: name a file/ },
  {
    what: 'no place for the ready file',
    args: ['--ready-file', '/etc'],
    says: /^evenkeel: --ready-file: EISDIR.*'\/etc'/,
  },
  {
    what: 'no cgroup',
    config: { cgroup: '/none' },
    says: /^evenkeel: cgroup: \/none is no folder of cgroup2\. Name one/,
  },
  {
    what: 'no cgroup2',
    config: { cgroup: '/tmp' },
    says: /^evenkeel: cgroup: \/tmp is no folder of cgroup2\. Name one/,
  },
  {
    what: 'no bpffs',
    config: { bpffs: '/tmp' },
    says: /^evenkeel: maps can't be kept in \/tmp\/.* is not on a bpffs: name/,
  },
  { what: 'no rights', under: rights('-all'), says: /^evenkeel: .*EPERM\)\. This takes root/ },
  {
    what: 'no CAP_SYS_ADMIN',
    under: rights('-sys_admin'),
    says: /^evenkeel: .*EPERM\)\. This takes root \(CAP_SYS_ADMIN/,
  },
  { what: 'not root', under: ['setpriv', '--reuid=65534', '--clear-groups'], says: /EACCES\)\. This takes root/ },
]

const END_MS = 15_000

async function refused(t: Test, { config = {}, manifests = lab.manifests, args = [], under = [], says }: Case) {
  writeFileSync(file, stringify({ ...ours, ...config }))
  const argv = [...under, 'evenkeel', 'run', '--config', file, '--manifests', manifests, ...args]
  const { code, stderr, timedOut } = await lab.exec('node1', argv, { timeout: END_MS })
  t.notOk(timedOut, 'it ends')
  t.equal(code, 1, 'exit code')
  t.match(stderr, says, 'what it says')
}

t.test('another agent runs', async t => {
  await refused(t, { what: '', says: /^evenkeel: Another agent runs with the maps in .*\. End it first/ })
  await lab.stopAgent('node1')
})

for (const one of CASES) t.test(one.what, t => refused(t, one))

t.test('what served serves on', async t => {
  t.same(readdirSync(join(bpffs('node1'), 'evenkeel')), [`v${Layout.VERSION}`], 'nothing was put aside')
  const dialled = await lab.dial('client', { protocol: 'http', address: vip(1), port: 80, count: 5 })
  t.match(dialled, Array(5).fill({ pod: 'web-0' }))
  await lab.startAgent('node1')
  t.equal(log('node1').findLast(({ msg }) => msg === 'applied')?.writes, 0, 'the next start finds all as it was')
})

t.test('an empty folder is a state like any other, and told', async t => {
  await lab.stopAgent('node1')
  const argv = ['evenkeel', 'run', '--config', labPaths(lab.name).config('node1'), '--manifests', '/dev/null']
  const { stdout } = await lab.exec('node1', ['timeout', '-s', 'TERM', '5', ...argv])
  t.match(stdout, /WARN +the source does not have Services that were served until now; they end: default\/web\n/)
})
