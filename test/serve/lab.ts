// SPDX-License-Identifier: Apache-2.0
/** A cluster of two nodes whose health is asked for with curl, from the nodes and from outside. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../../lab/lab.ts'
import { nodeFile } from '../../lab/names.ts'
import { type Family, findPod } from '../../lab/plan.ts'
import { requireState } from '../../lab/state.ts'
import { upLab } from '../../lab/up.ts'
import { changeObject, logOf, type Manifest, manifestFiles, put } from '../cluster.ts'
import { service } from '../services/manifests.ts'

export const HEALTHZ = 10256
export const CHECK = 31900
/** How long a change may wait in these labs. */
export const TIMEOUT_SECONDS = 2
const LIVE_WITHIN_MS = 4000

export interface Answered {
  /** 0: no answer; curl's code says why. */
  readonly status: number
  /** Of curl: 7 refused, 28 timed out, 56 reset. */
  readonly code: number
  readonly headers: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface Cluster {
  readonly lab: Lab
  put(name: string, ...manifests: readonly Manifest[]): Promise<void>
  /** Puts fields over those of a Node's or a Pod's manifest; undefined takes one away. */
  change(object: string, fields: Fields): Promise<void>
  ask(node: string, port: number, options?: AskOptions): Promise<Answered>
  /** Stops it like a debugger does, and lets it go on. */
  signalAgent(node: string, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>
  errors(node: string): string[]
}

export interface AskOptions {
  readonly path?: string
  /** Where curl runs; default outside. */
  readonly from?: string
  /** Where the node is dialled; default its own address. */
  readonly address?: string
  readonly family?: Family
}

export type Fields = Readonly<Partial<Record<'metadata' | 'spec' | 'status', Readonly<Record<string, unknown>>>>>

/** default/web, for web-0 and web-1 on node1 and web-2 on node2. */
export function balanced(spec: object = {}): Manifest {
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: CHECK }
  return service({ spec: { ...local, ...spec } })
}

export async function upCluster(config: object = {}): Promise<Cluster> {
  const pods = ['node1', 'node1', 'node2'].map((node, i) => ({
    name: `web-${i}`,
    node,
    labels: { app: 'web' },
    serve: 'hostnames' as const,
  }))
  const lab = await upLab({
    name: `h${process.pid}`,
    topology: { nodes: [{ name: 'node1' }, { name: 'node2' }], pods },
    manifests: manifestFiles({ web: [balanced()] }),
    config: { healthTimeoutSeconds: TIMEOUT_SECONDS, ...config },
  })
  return clusterOf(lab)
}

function clusterOf(lab: Lab): Cluster {
  const fileOf = (object: string) =>
    object.startsWith('node') ? join(lab.manifests, nodeFile(object)) : lab.podFile(findPod(lab.plan, object).name)
  return {
    lab,
    put: (name, ...manifests) => put(lab, name, ...manifests),
    async change(object, fields) {
      await changeObject(fileOf(object), manifest => {
        const parts = Object.entries(fields).map(([part, over]) => [part, { ...(manifest[part] as object), ...over }])
        return { ...manifest, ...Object.fromEntries(parts) }
      })
    },
    ask: (node, port, options) => curl(lab, node, port, options),
    async signalAgent(node, signal) {
      const { processes } = await requireState(lab.name)
      process.kill(processes.find(({ role, of }) => role === 'agent' && of === node)!.pid, signal)
    },
    errors: node =>
      logOf(lab, node)
        .filter(({ level }) => level >= 50)
        .map(({ msg }) => msg),
  }
}

async function curl(lab: Lab, node: string, port: number, options: AskOptions = {}): Promise<Answered> {
  const { path = '/healthz', from = 'outside', family = 'IPv4' } = options
  const { v4, v6 } = lab.plan.nodes.find(({ name }) => name === node)!.addresses
  const address = options.address ?? (family === 'IPv4' ? v4 : v6)
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}${path}`
  const { code, stdout } = await lab.exec(from, ['curl', '-gsi', '--max-time', '1', url])
  const [headers = '', body = ''] = stdout.split('\r\n\r\n')
  const status = Number(headers.split(' ', 2)[1] ?? 0)
  return { status, code, headers, body: body.startsWith('{') ? JSON.parse(body) : {} }
}

/** Asks until it is as wished, or four seconds have gone; gives the last value. */
export async function soon<T>(ask: () => Promise<T>, wished: (value: T) => boolean): Promise<T> {
  const end = performance.now() + LIVE_WITHIN_MS
  for (;;) {
    const value = await ask()
    if (wished(value) || performance.now() > end) return value
    await sleep(20)
  }
}
