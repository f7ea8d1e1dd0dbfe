// SPDX-License-Identifier: Apache-2.0
/** A lab to measure in: a client, a backend on its node and one on the other, and any number of Services beside theirs. */
import type { ChildProcess } from 'node:child_process'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { cgroupFolder } from '../lab/cgroup.ts'
import type { Lab, SpawnOptions } from '../lab/lab.ts'
import { cgroupMount } from '../lab/mount.ts'
import { findPlace } from '../lab/plan.ts'
import { upLab } from '../lab/up.ts'
import { writeServices } from './many-services.ts'

const BUILD = join(import.meta.dirname, 'build')
const PORT = 7_000
/**
 * Direct connections go to a port of their own. With one port for both, a direct connection may have the very addresses and ports
 * that a connection through the Service had after translation a moment ago, and its time would be that of a collision.
 */
const DIRECT_PORT = 7_001

export const WAYS = ['near', 'far'] as const
/** The backend is on the client's node, or on the other one. */
export type Way = (typeof WAYS)[number]

const VIPS: Readonly<Record<Way, string>> = { near: '10.96.250.1', far: '10.96.250.2' }

const TOPOLOGY = {
  nodes: [{ name: 'node1' }, { name: 'node2' }],
  pods: [
    { name: 'client', node: 'node1' },
    ...WAYS.map(way => ({
      name: way,
      node: way === 'near' ? 'node1' : 'node2',
      labels: { backend: way },
      ports: [
        { name: 'tcp', port: PORT, protocol: 'TCP' as const },
        { name: 'udp', port: PORT, protocol: 'UDP' as const },
      ],
    })),
  ],
}

export type Kind = 'stream' | 'connect' | 'datagram' | 'sendto'

export interface Timing {
  /** Nanoseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of CPU a request: of both pods. */
  readonly cpu: number
}

export interface Cluster {
  /** Seconds that the agent of the client's node took to start with all Services. */
  readonly startSeconds: number
  /** So many requests, to the backend's address or to its Service's. */
  ask(kind: Kind, way: Way, vip: boolean, count: number): Promise<Timing>
  down(): Promise<void>
}

export interface ClusterOptions {
  readonly name: string
  readonly podPath: 'socket' | 'packet'
  /** In all. */
  readonly services: number
}

export async function upCluster({ name, podPath, services }: ClusterOptions): Promise<Cluster> {
  const programs = compile()
  const manifests = { 'tested.yaml': WAYS.map(way => stringify(service(way))).join('---\n') }
  const lab = await upLab({ name, topology: TOPOLOGY, manifests, config: configuration({ podPath }) })
  const startSeconds = await restart(lab, services - WAYS.length)
  for (const way of WAYS)
    await once(lab.spawn(way, [programs.server, String(PORT), String(DIRECT_PORT)], PIPES).stdout!, 'data')
  const client = clientOf(lab.spawn('client', [programs.client], PIPES))
  const usage = await usageOf(lab)
  return {
    startSeconds,
    async ask(kind, way, vip, count) {
      const address = vip ? VIPS[way] : lab.address(way)
      const before = usage(way)
      const [p50 = 0, p99 = 0] = await client(`${kind} ${address} ${vip ? 80 : DIRECT_PORT} ${count}`)
      return { p50, p99, cpu: (usage(way) - before) / count }
    },
    down: () => lab.down(),
  }
}

const PIPES: SpawnOptions = { stdio: ['pipe', 'pipe', 'inherit'] }

function service(way: Way): object {
  const ports = ['tcp', 'udp'].map(name => ({ name, port: 80, protocol: name.toUpperCase(), targetPort: name }))
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: way },
    spec: { clusterIP: VIPS[way], selector: { backend: way }, ports },
  }
}

function compile(): { readonly client: string; readonly server: string } {
  mkdirSync(BUILD, { recursive: true })
  const one = (name: string) => {
    const file = join(BUILD, name)
    execFileSync('cc', ['-O2', '-Wall', '-Werror', '-D_GNU_SOURCE', join(import.meta.dirname, `${name}.c`), '-o', file])
    return file
  }
  return { client: one('client'), server: one('server') }
}

/** A file that lives as long as this process. */
function configuration(content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'config.yaml')
  writeFileSync(file, stringify({ serviceCIDRs: ['10.96.0.0/12', 'fd00:96::/112'], ...content }))
  return file
}

/** All agents begin anew, with so many Services more. */
async function restart(lab: Lab, more: number): Promise<number> {
  await Promise.all(['node1', 'node2'].map(node => lab.stopAgent(node)))
  writeServices(lab.manifests, more)
  const started = performance.now()
  const [seconds = 0] = await Promise.all(
    ['node1', 'node2'].map(async node => {
      await lab.startAgent(node)
      return (performance.now() - started) / 1_000
    }),
  )
  return seconds
}

/** One line in, numbers out, one after the other. */
function clientOf(child: ChildProcess): (line: string) => Promise<number[]> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return async line => {
    child.stdin!.write(`${line}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error(`the client ended on: ${line}`)
    return String(value).split(' ').map(Number)
  }
}

/** Microseconds of CPU that the client's pod and a backend's have used (cpu.stat of cgroup2), packets on their way included. */
async function usageOf(lab: Lab): Promise<(way: Way) => number> {
  const root = cgroupFolder(await cgroupMount(), lab.name)
  const used = (pod: string) => {
    const text = readFileSync(join(root, findPlace(lab.plan, pod).cgroup, 'cpu.stat'), 'utf8')
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1])
  }
  return way => used('client') + used(way)
}
