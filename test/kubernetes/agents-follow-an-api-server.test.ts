// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Lab } from '../../lab/lab.ts'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { upLab } from '../../lab/up.ts'
import { type ApiObject, node, service, slice } from './objects.ts'
import { kubeconfig } from './source.ts'

t.setTimeout(120_000)

const PORT = 6443
const VIP = '10.96.0.1'
const NODE = 'node1'
const PODS = ['web-0', 'web-1']

interface Api {
  readonly put: (...objects: readonly ApiObject[]) => void
  readonly delete: (kind: string, name: string) => void
  readonly kill: () => Promise<void>
}

/** Outside the nodes, in the lab's network. */
async function startApi(lab: Lab, address: string, version: number, objects: readonly ApiObject[]): Promise<Api> {
  const file = join(import.meta.dirname, 'api-server-process.ts')
  const argv = [process.execPath, file, address, String(PORT), String(version)]
  const child = lab.spawn('outside', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const say = (value: unknown) => child.stdin!.write(`${JSON.stringify(value)}\n`)
  for (const object of objects) say(object)
  child.stdin!.write('\n')
  await once(child.stdout!, 'data')
  return {
    put: (...objects) => objects.forEach(say),
    delete: (kind, name) => say({ kind, delete: name }),
    kill: () => end(child, 'SIGKILL'),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** In place of the lab's own, which reads manifests. */
async function startAgent(t: Test, lab: Lab, config: string): Promise<ChildProcess> {
  await lab.stopAgent(NODE)
  const ready = join(lab.folder, 'ready-kubernetes')
  const files = ['--config', join(lab.folder, 'config', `${NODE}.yaml`), '--kubeconfig', config, '--ready-file', ready]
  const argv = [process.execPath, join(PROJECT_FOLDER, 'agent/cli/main.ts'), 'run', ...files]
  const agent = lab.spawn(NODE, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  agent.stdout!.on('data', chunk => log.push(String(chunk)))
  for (let i = 0; i < 600 && !existsSync(ready); i++) await sleep(50)
  t.ok(existsSync(ready), 'the agent is ready')
  return agent
}

const log: string[] = []

/** Looks again until it holds, or for five seconds; answers whether it did. */
async function eventually(holds: () => Promise<boolean> | boolean): Promise<boolean> {
  const deadline = Date.now() + 5_000
  while (!(await holds())) {
    if (Date.now() > deadline) return false
    await sleep(50)
  }
  return true
}

t.test('connections follow what the API server has, and outlive it', async t => {
  const client = { name: 'client', node: NODE }
  const web = PODS.map(name => ({ name, node: NODE, serve: 'hostnames' as const }))
  const lab = await upLab({ name: `k${process.pid}`, topology: { nodes: [{ name: NODE }], pods: [client, ...web] } })
  t.teardown(() => lab.down())
  const address = lab.plan.outside.find(({ name }) => name === 'outside')!.addresses.v4
  const slices = (pod: string) =>
    slice('web-1', [lab.address(pod)], { ports: [{ name: 'http', port: 9376, protocol: 'TCP' }] })
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }]
  const object = service('web', { clusterIP: VIP, clusterIPs: [VIP], ports })
  const dial = { protocol: 'http', address: VIP, port: 80, count: 5, timeout: 500 } as const
  const answers = async () => {
    const dialled = await lab.dial('client', dial)
    return [...new Set(dialled.map(({ pod, error }) => pod ?? error))].join(' ')
  }
  const become = (pod: string) => eventually(async () => (await answers()) === pod)

  const first = await startApi(lab, address, 1000, [node(NODE)])
  const agent = await startAgent(t, lab, kubeconfig(t, `http://${address}:${PORT}`))
  first.put(object, slices('web-0'))
  t.ok(await become('web-0'), 'a Service comes')
  first.put(slices('web-1'))
  t.ok(await become('web-1'), 'its endpoint moves')

  await first.kill()
  t.ok(await eventually(() => log.join('').includes('connect ECONNREFUSED')), 'the log says that the server is gone')
  t.equal(await answers(), 'web-1', 'and connections go on')
  const second = await startApi(lab, address, 5000, [node(NODE), object, slices('web-0')])
  t.ok(await become('web-0'), 'another server is there: what changed meanwhile is seen')

  second.delete('Service', 'web')
  t.ok(await eventually(async () => !/web/.test(await answers())), 'the Service goes')
  second.put(object)
  t.ok(await become('web-0'), 'and comes again')
  await end(agent, 'SIGTERM')
  t.equal(await answers(), 'web-0', 'without the agent, too')
  t.equal(agent.exitCode, 0)
  await second.kill()
})
