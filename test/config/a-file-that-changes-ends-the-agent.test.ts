// SPDX-License-Identifier: Apache-2.0
/** The file is in a folder as Kubernetes mounts a ConfigMap: a link through a folder that is exchanged. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { labPaths } from '../../lab/state.ts'
import type { LogLine } from '../cluster.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from '../socket/cluster.ts'
import { kubeProxy, textOf } from './reading.ts'

const { lab } = await clusterFor(t)
const paths = labPaths(lab.name)
const ours = readFileSync(paths.config('node1'), 'utf8')
const mount = join(lab.folder, 'mount')
const file = join(mount, 'config.conf')
const theirs = { hostnameOverride: 'theirs', iptables: { masqueradeBit: 14 }, conntrack: { udpStreamTimeout: '3m' } }

let version = 0

/** All at once, as the kubelet does. */
function publish(text: string): void {
  const [before, data] = [join(mount, `..${version}`), join(mount, '..data')]
  const folder = `..${++version}`
  mkdirSync(join(mount, folder), { recursive: true })
  writeFileSync(join(mount, folder, 'config.conf'), text)
  symlinkSync(folder, `${data}.new`)
  renameSync(`${data}.new`, data)
  if (!existsSync(file)) symlinkSync('..data/config.conf', file)
  rmSync(before, { recursive: true, force: true })
}

interface Agent {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  readonly lines: () => LogLine[]
  readonly errors: () => string
}

async function start(t: { teardown(end: () => unknown): void }): Promise<Agent> {
  const argv = ['run', '--config', file, '--manifests', lab.manifests, '--ipvs-scheduler=rr', '-o', 'json']
  const child = lab.spawn('node1', ['evenkeel', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  t.teardown(() => {
    if (child.exitCode === null) child.kill()
    return ended
  })
  const said = { out: '', errors: '' }
  child.stdout?.on('data', chunk => {
    said.out += chunk
  })
  child.stderr?.on('data', chunk => {
    said.errors += chunk
  })
  const text = () => said.out.split('\n').slice(0, -1)
  const lines = () => text().map(line => JSON.parse(line))
  for (let i = 0; i < READY_TRIES && child.exitCode === null && !lines().some(({ msg }) => msg === 'ready'); i++)
    await sleep(10)
  return { child, ended, lines, errors: () => said.errors }
}

const READY_TRIES = 4_500
const WARN = 40
const ERROR = 50
/** What the watch takes at most: it looks once a second, and again after a second of rest. */
const SEEN_MS = 3_500

t.test("an agent that kube-proxy's file configures, and its end", async t => {
  publish(textOf([kubeProxy(theirs), ours]))
  await lab.stopAgent('node1')
  const agent = await start(t)
  const messages = (level: number) =>
    agent
      .lines()
      .filter(line => line.level === level)
      .map(({ msg }) => msg)

  await t.test('it serves, and says once what has no effect', async t => {
    t.match(messages(WARN).toSorted(), [
      /^--ipvs-scheduler has no effect: /,
      /^KubeProxyConfiguration hostnameOverride has no effect: nodeName of EvenkeelConfiguration counts/,
      /^KubeProxyConfiguration iptables\.masqueradeBit has no effect: /,
    ])
    t.equal(messages(WARN).length, 3)
    t.match(
      agent.lines().find(({ msg }) => msg === 'applied'),
      { writes: 0 },
      'it takes over what is there',
    )
    t.match(await dial(), [{ pod: /^web-/ }])
  })

  await t.test('the same, written in another way', async t => {
    publish(
      `# as before\n${textOf([ours, kubeProxy({ ...theirs, mode: '', conntrack: { udpStreamTimeout: '180s' } })])}`,
    )
    await sleep(SEEN_MS)
    t.equal(agent.child.exitCode, null)
    t.same(messages(ERROR), [])
  })

  await t.test('something that is not valid', async t => {
    publish(textOf([kubeProxy({ ...theirs, mod: '' }), ours]))
    await sleep(SEEN_MS)
    t.equal(agent.child.exitCode, null)
    t.match(messages(ERROR), [/mod: there is no such field; did you mean mode\?\nThe agent goes on/])
    t.equal(messages(ERROR).length, 1)
  })

  await t.test('something else', async t => {
    publish(textOf([kubeProxy({ ...theirs, conntrack: { udpStreamTimeout: '4m' }, mode: 'nftables' }), ours]))
    await Promise.race([agent.ended, sleep(2 * SEEN_MS)])
    t.equal(agent.child.exitCode, 1)
    t.match(
      agent.errors(),
      /^evenkeel: .*config\.conf has changed \(nodePortAddresses, timeouts\.datagram\): ended, to be started again/,
    )
    t.match(await dial(20), Array(20).fill({ pod: /^web-/ }), 'connections go on meanwhile')
  })

  await t.test('and the next one has it', async t => {
    const next = await start(t)
    t.match(
      next.lines().find(({ msg }) => msg === 'applied'),
      { writes: 0 },
    )
    t.match(await dial(), [{ pod: /^web-/ }])
  })
})

function dial(count = 1) {
  return lab.dial('client', { protocol: 'http', address: vip(), port: 80, count })
}
