// SPDX-License-Identifier: Apache-2.0
/** A lab with a real API server that holds very many Services, and one agent at a time that reads it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import { upLab } from '../lab/up.ts'
import { node, service, slice } from '../test/kubernetes/objects.ts'
import { type ControlPlane, createControlPlane } from '../test-apiserver/control-plane.ts'
import { createLoad } from '../test-apiserver/load.ts'
import type { Applied } from './api-agent.ts'

const NODE = 'node1'
/** The Service whose endpoint is a pod that answers. */
const VIP = '10.96.250.1'
const POD_PORT = 9376
/** Until the agent holds what it will hold. */
const SETTLE_MS = 3_000
/** As long as kube-proxy takes, many times over. */
const START_MS = 300_000

export interface Start {
  /** Milliseconds from the start of the process. */
  readonly firstConnection: number
  readonly ready: number
  /** Milliseconds of CPU until then, and what the API server took meanwhile. */
  readonly cpu: number
  readonly serverCpu: number
  /** Bytes: once it has given back what its start left behind, and the most that there was. */
  readonly rss: number
  readonly peak: number
}

export interface ChangingAgent {
  /** What it says next. */
  readonly next: () => Promise<Applied>
  readonly stop: () => Promise<void>
}

export interface ApiCluster extends AsyncDisposable {
  readonly plane: ControlPlane
  /** `evenkeel run`, over the maps of the last one or over none. */
  readonly start: (isFresh: boolean) => Promise<Start>
  /** An agent that says when it has written what; resolves when it has all. */
  readonly startChanging: () => Promise<ChangingAgent>
}

export async function upApiCluster(services: number, progress: (line: string) => void): Promise<ApiCluster> {
  const plane = createControlPlane()
  progress(`kube-apiserver ${plane.programs.version}`)
  const pods = [
    { name: 'client', node: NODE },
    { name: 'web', node: NODE, serve: 'hostnames' as const },
  ]
  try {
    const lab = await upLab({
      ...{ name: `api${process.pid}`, kubeconfig: plane.kubeconfig, topology: { nodes: [{ name: NODE }], pods } },
      async beforeAgents(lab) {
        await plane.start(lab)
        await fill(plane, lab, services, progress)
      },
      untilReady: false,
    })
    await lab.stopAgent(NODE)
    return {
      plane,
      start: isFresh => start(lab, plane.serverPid(), isFresh),
      startChanging: () => startChanging(lab, plane.kubeconfig),
      async [Symbol.asyncDispose]() {
        await lab.down()
        plane.remove()
      },
    }
  } catch (error) {
    plane.remove()
    throw error
  }
}

async function fill(
  { client }: ControlPlane,
  lab: Lab,
  services: number,
  progress: (line: string) => void,
): Promise<void> {
  const began = performance.now()
  await client.put(node(NODE, 'z1', lab.plan.nodes[0]!.addresses.v4))
  await createLoad(client, services - 1, done => progress(`${done} Services written`))
  const ports = [{ name: 'http', port: 80, protocol: 'TCP', targetPort: POD_PORT }]
  await client.put(service('web', { clusterIP: VIP, clusterIPs: [VIP], ports }))
  await client.put(slice('web-1', [lab.address('web')], { ports: [{ name: 'http', port: POD_PORT, protocol: 'TCP' }] }))
  progress(`all written in ${((performance.now() - began) / 1_000).toFixed()} s`)
}

async function start(lab: Lab, serverPid: number, isFresh: boolean): Promise<Start> {
  const ready = join(lab.folder, 'ready', `agent-${NODE}`)
  if (isFresh) await lab.exec(NODE, ['evenkeel', 'cleanup'])
  rmSync(ready, { force: true })
  const first = await dialUntilServed(lab)
  const serverBefore = cpuOf(serverPid)
  const began = performance.timeOrigin + performance.now()
  await lab.startAgent(NODE, { untilReady: false })
  for (const deadline = Date.now() + START_MS; !existsSync(ready); await sleep(5))
    if (Date.now() > deadline) throw new Error(`the agent was not ready within ${START_MS / 1_000} s`)
  const readyAt = performance.timeOrigin + performance.now()
  const serverCpu = cpuOf(serverPid) - serverBefore
  const pid = Number(readFileSync(ready, 'utf8'))
  const cpu = cpuOf(pid)
  await sleep(SETTLE_MS)
  const used = { cpu, ...memoryOf(pid), serverCpu }
  const measured = { firstConnection: (await first.at) - began, ready: readyAt - began, ...used }
  await lab.stopAgent(NODE)
  return measured
}

function memoryOf(pid: number): Pick<Start, 'rss' | 'peak'> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024
  return { rss: bytes('VmRSS'), peak: bytes('VmHWM') }
}

/** Milliseconds of CPU that a process has used. */
function cpuOf(pid: number): number {
  // After the name in parentheses utime and stime are the 12th and 13th field, in ticks of 10 ms (proc_pid_stat(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Resolves once the client dials. */
async function dialUntilServed(lab: Lab): Promise<{ readonly at: Promise<number> }> {
  const file = join(import.meta.dirname, 'first-connection.ts')
  const child = lab.spawn('client', [process.execPath, file, VIP, '80'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = linesOf(child)
  await lines.next()
  return { at: lines.next().then(({ value }) => Number(value)) }
}

async function startChanging(lab: Lab, kubeconfig: string): Promise<ChangingAgent> {
  const config = join(lab.folder, 'config', `${NODE}.yaml`)
  const argv = [
    process.execPath,
    '--max-semi-space-size=4',
    join(import.meta.dirname, 'api-agent.ts'),
    config,
    kubeconfig,
  ]
  const child = lab.spawn(NODE, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = linesOf(child)
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the agent has ended')
    return JSON.parse(value) as Applied
  }
  const ended = once(child, 'exit')
  await next()
  return {
    next,
    async stop() {
      child.kill()
      await ended
    },
  }
}

function linesOf(child: ChildProcess): AsyncIterator<string> {
  return createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
}
