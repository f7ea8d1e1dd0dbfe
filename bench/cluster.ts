// SPDX-License-Identifier: Apache-2.0
/** A lab to measure in: a client, a backend on its node and one on the other, and any number of Services beside theirs. */
import { stringify } from 'yaml'
import type { Lab } from '../lab/lab.ts'
import { upLab } from '../lab/up.ts'
import { type Kind, startExchange, type Timing } from './exchange.ts'
import { SERVICE_RANGES, writeServices } from './many-services.ts'

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
  const manifests = { 'tested.yaml': WAYS.map(way => stringify(service(way))).join('---\n') }
  const lab = await upLab({ name, topology: TOPOLOGY, manifests, config: { ...SERVICE_RANGES, podPath } })
  const startSeconds = await restart(lab, services - WAYS.length)
  const { ask } = await startExchange(lab, 'client', WAYS, [PORT, DIRECT_PORT])
  return {
    startSeconds,
    ask(kind, way, vip, count) {
      const address = vip ? VIPS[way] : lab.address(way)
      return ask(kind, way, { address, port: vip ? 80 : DIRECT_PORT }, count)
    },
    down: () => lab.down(),
  }
}

function service(way: Way): object {
  const ports = ['tcp', 'udp'].map(name => ({ name, port: 80, protocol: name.toUpperCase(), targetPort: name }))
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: way },
    spec: { clusterIP: VIPS[way], selector: { backend: way }, ports },
  }
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
