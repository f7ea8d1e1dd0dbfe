// SPDX-License-Identifier: Apache-2.0
/** A cluster in the lab, for tests of what Services do; every scenario runs once for each path of pods' packets. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type LiveService, liveServices } from '../../agent/cli/services.ts'
import type { Lab } from '../../lab/lab.ts'
import type { TopologyInput } from '../../lab/topology.ts'
import { upLab } from '../../lab/up.ts'
import { type LogLine, logOf, look, type Manifest, manifestFiles, put, remove } from '../cluster.ts'
import { service } from './manifests.ts'

/** How pods' connections get to backends, and the agent's configuration for it. */
const POD_PATHS = { socket: { podPath: 'socket' }, packet: { podPath: 'packet' } } as const

export type PodPath = keyof typeof POD_PATHS

const TIMEOUT_MS = 150_000

/** How soon a change of the manifests must show in connections. */
const LIVE_WITHIN_MS = 2000

export interface Cluster {
  readonly path: PodPath
  readonly lab: Lab
  /** Writes manifests into NAME.yaml, all at once, as an editor does. */
  put(name: string, ...manifests: readonly Manifest[]): Promise<void>
  remove(name: string): Promise<void>
  /** What a node's maps say now. */
  live(node?: string): LiveService[]
  /** What a node's agent has logged. */
  log(node?: string): LogLine[]
  /** Waits for the maps of every node, or of some. */
  settled(what: string, holds: (services: readonly LiveService[]) => boolean, nodes?: readonly string[]): Promise<void>
}

export interface ClusterOptions {
  /** By file name without its ending. Default: web, service(). */
  readonly manifests?: Readonly<Record<string, readonly Manifest[]>>
  /** Put over the agents' configuration. */
  readonly config?: object
  /** Default 2. One is quicker, where it does not matter which node a backend is on. */
  readonly nodes?: 1 | 2
  /** Default: each. */
  readonly paths?: readonly PodPath[]
}

export const BACKENDS = ['web-0', 'web-1', 'web-2'] as const

/** web-0 and web-1 run on node1 beside the client and its neighbour, web-2 on the last node beside the stranger. */
function topologyOf(nodes: 1 | 2): TopologyInput {
  const last = `node${nodes}`
  const pod = (name: string, node: string) => ({ name, node })
  const web = (name: string, node: string) => ({
    name,
    node,
    labels: { app: 'web', pod: name },
    serve: 'hostnames' as const,
  })
  return {
    nodes: Array.from({ length: nodes }, (_, i) => ({ name: `node${i + 1}` })),
    pods: [
      ...[pod('client', 'node1'), pod('neighbour', 'node1'), pod('stranger', last)],
      ...[web('web-0', 'node1'), web('web-1', 'node1'), web('web-2', last)],
    ],
  }
}

export type { Test }

type Scenario = (t: Test, cluster: Cluster) => Promise<void>

/** Runs scenarios, in their order, in one cluster for each path. Names are the sentences that they prove. */
export function prove(scenarios: Readonly<Record<string, Scenario>>, options: ClusterOptions = {}): void {
  const paths = options.paths ?? (Object.keys(POD_PATHS) as PodPath[])
  t.setTimeout(TIMEOUT_MS)
  // Side by side: most of the time is spent waiting.
  t.jobs = paths.length
  for (const path of paths)
    t.test(`${path} path`, { buffered: true }, async t => {
      const cluster = await upCluster(path, options)
      t.teardown(() => cluster.lab.down())
      for (const [sentence, scenario] of Object.entries(scenarios)) await t.test(sentence, t => scenario(t, cluster))
    })
}

let clusters = 0

async function upCluster(path: PodPath, options: ClusterOptions): Promise<Cluster> {
  const { manifests = { web: [service()] }, config = {}, nodes = 2 } = options
  const lab = await upLab({
    name: `s${process.pid}x${clusters++}`,
    topology: topologyOf(nodes),
    manifests: manifestFiles(manifests),
    config: { ...POD_PATHS[path], ...config },
  })
  return clusterOf(path, lab)
}

function clusterOf(path: PodPath, lab: Lab): Cluster {
  const all = lab.plan.nodes.map(({ name }) => name)
  const live = (node = 'node1') => look(lab, node, liveServices)
  return {
    path,
    lab,
    live,
    put: (name, ...manifests) => put(lab, name, ...manifests),
    remove: name => remove(lab, name),
    log: (node = 'node1') => logOf(lab, node),
    async settled(what, holds, nodes = all) {
      if (await within(LIVE_WITHIN_MS, () => nodes.every(node => holds(live(node))))) return
      throw new Error(`the maps do not say after ${LIVE_WITHIN_MS} ms: ${what}`)
    },
  }
}

/** Milliseconds until it holds, never 0; or 0 when it did not in time. */
async function within(limit: number, holds: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now()
  for (;;) {
    const started = performance.now()
    if (await holds()) return Math.max(performance.now() - began, 1)
    if (started - began > limit) return 0
    await sleep(10)
  }
}

/** Asserts that connections show a change soon enough. */
export async function soon(t: Test, sentence: string, holds: () => Promise<boolean>): Promise<void> {
  const took = await within(LIVE_WITHIN_MS, holds)
  t.ok(took, `within ${LIVE_WITHIN_MS} ms: ${sentence}`)
  if (took) t.comment(`after ${Math.round(took)} ms`)
}
