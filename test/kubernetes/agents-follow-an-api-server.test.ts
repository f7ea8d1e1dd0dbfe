// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Lab } from '../../lab/lab.ts'
import { upLab } from '../../lab/up.ts'
import { eventually } from '../eventually.ts'
import type { ProcessOptions } from './api-server-process.ts'
import { makeAuthority } from './certificates.ts'
import { type ApiObject, node, service, slice } from './objects.ts'
import { kubeconfig, makeFolder } from './source.ts'

t.setTimeout(120_000)

const PORT = 6443
/** Longer than a busy machine and the back-off take. */
const FOLLOW_MS = 20_000
const VIP = '10.96.0.1'
const NODE = 'node1'
const PODS = ['web-0', 'web-1']

interface Api {
  readonly put: (...objects: readonly ApiObject[]) => void
  readonly delete: (kind: string, name: string) => void
  readonly kill: () => Promise<void>
}

/** Outside the nodes, in the lab's network. */
async function startApi(lab: Lab, options: ProcessOptions, objects: readonly ApiObject[]): Promise<Api> {
  const argv = [process.execPath, join(import.meta.dirname, 'api-server-process.ts'), JSON.stringify(options)]
  const child = lab.spawn('outside', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const say = (value: unknown) => child.stdin!.write(`${JSON.stringify(value)}\n`)
  for (const object of objects) say(object)
  child.stdin!.write('\n')
  await once(child.stdout!, 'data')
  return {
    put: (...objects) => objects.forEach(say),
    delete: (kind, name) => say({ kind, delete: name }),
    kill: () => kill(child),
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

t.test('connections follow what the API server has, and outlive it', async t => {
  const client = { name: 'client', node: NODE }
  const web = PODS.map(name => ({ name, node: NODE, serve: 'hostnames' as const }))
  const folder = makeFolder(t)
  const [v4, v6] = ['172.31.0.200', 'fd00:31::200']
  const authority = makeAuthority(folder, 'right')
  const [ours, theirs] = [authority.sign('agent'), authority.sign('server', [v4, v6])]
  const cluster = { 'certificate-authority': authority.file }
  const user = { 'client-certificate': ours.certFile, 'client-key': ours.keyFile }
  const tls = { cert: theirs.certFile, key: theirs.keyFile, clientCa: authority.file }
  let first: Api | undefined
  const lab = await upLab({
    name: `k${process.pid}`,
    topology: { nodes: [{ name: NODE }], pods: [client, ...web] },
    kubeconfig: kubeconfig(t, `https://[${v6}]:${PORT}`, user, cluster, folder),
    beforeAgents: async lab => {
      first = await startApi(lab, { host: v6, port: PORT, version: 1000, tls }, [node(NODE)])
    },
  })
  t.teardown(() => lab.down())
  const log = () => readFileSync(lab.agentLog(NODE), 'utf8')
  const slices = (pod: string) =>
    slice('web-1', [lab.address(pod)], { ports: [{ name: 'http', port: 9376, protocol: 'TCP' }] })
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }]
  const object = service('web', { clusterIP: VIP, clusterIPs: [VIP], ports })
  const dial = { protocol: 'http', address: VIP, port: 80, count: 5, timeout: 500 } as const
  const answers = async () => {
    const dialled = await lab.dial('client', dial)
    return [...new Set(dialled.map(({ pod, error }) => pod ?? error))].join(' ')
  }
  const become = (pod: string) => eventually(async () => (await answers()) === pod, FOLLOW_MS)

  first!.put(object, slices('web-0'))
  t.ok(await become('web-0'), 'a Service comes')
  first!.put(slices('web-1'))
  t.ok(await become('web-1'), 'its endpoint moves')

  await first!.kill()
  t.ok(
    await eventually(() => log().includes('connect ECONNREFUSED'), FOLLOW_MS),
    'the log says that the server is gone',
  )
  t.equal(await answers(), 'web-1', 'and connections go on')
  const again = { host: v6, port: PORT, version: 5000, tls }
  const second = await startApi(lab, again, [node(NODE), object, slices('web-0')])
  t.ok(await become('web-0'), 'another server is there: what changed meanwhile is seen')

  second.delete('Service', 'web')
  t.ok(await eventually(async () => !/web/.test(await answers()), FOLLOW_MS), 'the Service goes')
  second.put(object)
  t.ok(await become('web-0'), 'and comes again')
  await lab.stopAgent(NODE)
  t.equal(await answers(), 'web-0', 'without the agent, too')

  kubeconfig(t, `http://${v4}:${PORT + 1}`, {}, {}, folder)
  await lab.startAgent(NODE, { untilReady: false })
  await startApi(lab, { host: v4, port: PORT + 1, version: 1 }, [node(NODE), object, slices('web-1')])
  t.ok(await become('web-1'), 'a new agent, started before its server')
})
