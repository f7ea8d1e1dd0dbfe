// SPDX-License-Identifier: Apache-2.0
/** A cluster in the lab whose pods are served when they dial, and what its nodes' maps and agents say. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type LiveService, liveServices } from '../../agent/cli/services.ts'
import type { Dataplane } from '../../agent/reconcile/dataplane.ts'
import type { Lab } from '../../lab/lab.ts'
import { cgroupMount } from '../../lab/mount.ts'
import type { TopologyInput } from '../../lab/topology.ts'
import { upLab } from '../../lab/up.ts'
import { type LogLine, logOf, look, type Manifest, manifestFiles, put } from '../cluster.ts'
import { service } from '../services/manifests.ts'

export type { Test }

export interface Cluster {
  readonly lab: Lab
  /** The cgroup of a node's processes. */
  cgroup(node: string): string
  bpffs(node: string): string
  /** Looks into a node's maps. */
  look<T>(what: (dataplane: Dataplane) => T, node?: string): T
  /** Writes manifests into NAME.yaml, all at once, as an editor does. */
  put(name: string, ...manifests: readonly Manifest[]): Promise<void>
  /** Waits for the maps of node1. */
  settled(what: string, holds: (services: readonly LiveService[]) => boolean): Promise<void>
  /** Ends a node's agent and starts it with a configuration put over that of the cluster. */
  restart(node: string, config: object, signal?: NodeJS.Signals): Promise<void>
  /** What a node's agent said, from its first start on. */
  log(node: string): LogLine[]
}

export interface ClusterOptions {
  readonly manifests?: readonly Manifest[]
  readonly config?: object
  readonly topology?: TopologyInput
}

/** Of the Service, in their order. */
export const BACKENDS = ['web-0', 'web-1', 'web-2'] as const

/** web-0 and web-1 run on node1 beside the client and its neighbour, web-2 on node2. */
const TOPOLOGY: TopologyInput = {
  nodes: [{ name: 'node1' }, { name: 'node2' }],
  pods: [
    { name: 'client', node: 'node1' },
    { name: 'neighbour', node: 'node1' },
    ...BACKENDS.map((name, i) => ({
      name,
      node: i < 2 ? 'node1' : 'node2',
      labels: { app: 'web', pod: name },
      serve: 'hostnames' as const,
    })),
  ],
}

const TIMEOUT_MS = 150_000
const SETTLED_MS = 3000

/** The default is default/web with vip(1). Taken down when the test ends. */
export async function clusterFor(test: Test, options: ClusterOptions = {}): Promise<Cluster> {
  const { manifests = [service()], config = {}, topology = TOPOLOGY } = options
  t.setTimeout(TIMEOUT_MS)
  const lab = await upLab({
    name: `k${process.pid}`,
    topology,
    manifests: manifestFiles({ services: manifests }),
    config,
  })
  test.teardown(() => lab.down())
  return clusterOf(lab, await cgroupMount())
}

function clusterOf(lab: Lab, cgroups: string): Cluster {
  return {
    lab,
    cgroup: node => join(cgroups, `ek-lab-${lab.name}`, node),
    bpffs: lab.bpffs,
    look: (what, node = 'node1') => look(lab, node, what),
    put: (name, ...manifests) => put(lab, name, ...manifests),
    async settled(what, holds) {
      const end = performance.now() + SETTLED_MS
      while (!holds(look(lab, 'node1', liveServices))) {
        if (performance.now() > end) throw new Error(`the maps do not say after ${SETTLED_MS} ms: ${what}`)
        await sleep(5)
      }
    },
    async restart(node, config, signal) {
      await lab.stopAgent(node, signal)
      await lab.startAgent(node, { config })
    },
    log: node => logOf(lab, node),
  }
}

/** Names of pods by their address, of both families and mapped into IPv6. */
export function podsByAddress({ plan }: Lab): ReadonlyMap<string, string> {
  return new Map(
    plan.pods.flatMap(({ name, addresses: { v4, v6 } }) => [v4, v6, `::ffff:${v4}`].map(a => [a, name] as const)),
  )
}
