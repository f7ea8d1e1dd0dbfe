// SPDX-License-Identifier: Apache-2.0
/** Two nodes and a client outside that dials into them: backends here and there, and Services that are reached from outside. */
import t, { type Test } from 'tap'
import { type LiveService, liveServices } from '../../agent/cli/services.ts'
import { reasonName } from '../../agent/kernel/layout.gen.ts'
import type { Dataplane } from '../../agent/reconcile/dataplane.ts'
import type { Dialled, DialOptions } from '../../lab/dial.ts'
import type { Lab } from '../../lab/lab.ts'
import type { Addresses, Family } from '../../lab/plan.ts'
import type { PodInput, TopologyInput } from '../../lab/topology.ts'
import { upLab } from '../../lab/up.ts'
import { look, type Manifest, manifestFiles, put, remove } from '../cluster.ts'
import { eventually } from '../eventually.ts'

export type { Test }

export const FAMILIES = ['IPv4', 'IPv6'] as const
export const PROTOCOLS = ['http', 'udp'] as const

/** How uplinks are served. Each cluster comes up once for each of these, and its scenarios run in it. */
const XDP_MODES = ['off', 'native', 'generic'] as const

export type XdpMode = 'off' | 'native' | 'generic'

/** Both answer to app: web, each to pod: its name. */
export const HERE = webPod('here', 'node1')
export const THERE = webPod('there', 'node2')

function webPod(name: string, node: string): PodInput {
  return { name, node, labels: { app: 'web', pod: name }, serve: 'hostnames' }
}

const TOPOLOGY: TopologyInput = { nodes: [{ name: 'node1' }, { name: 'node2' }], pods: [HERE, THERE] }

/** Where all is slow, the runner gives more. */
const TIMEOUT_MS = Math.max(300, Number(process.env.TAP_TIMEOUT ?? 0)) * 1000

export interface Cluster {
  readonly lab: Lab
  readonly xdp: XdpMode
  put(name: string, ...manifests: readonly Manifest[]): Promise<void>
  remove(name: string): Promise<void>
  /** Looks at a node's maps. */
  look<T>(node: string, what: (dataplane: Dataplane) => T): T
  /** Waits until both nodes' maps say so. */
  settled(holds: (services: readonly LiveService[]) => boolean): Promise<void>
  /** Dials from outside. */
  dial(address: string, port: number, options?: Partial<DialOptions>): Promise<Dialled[]>
  /** Dials from a place. */
  dialFrom(where: string, address: string, port: number, options?: Partial<DialOptions>): Promise<Dialled[]>
  /** Runs lines of `ip` in a place, one after the other. */
  ip(where: string, ...lines: readonly string[]): Promise<void>
  /** By node's, client's or pod's name. */
  address(name: string, family?: Family): string
  /** Ends a node's agent and starts it with another mode. */
  switchXdp(node: string, mode: XdpMode | 'auto'): Promise<void>
  /** What was turned away on a node for a reason. */
  rejected(node: string, reason: number): bigint
}

export interface ClusterOptions {
  readonly manifests: Readonly<Record<string, readonly Manifest[]>>
  readonly topology?: TopologyInput
  /** The agents' configuration. */
  readonly config?: object
  /** Default: each. */
  readonly modes?: readonly XdpMode[]
}

let clusters = 0

/** Names of scenarios are the sentences that they prove. They run in their order, in one cluster for each XDP mode. */
export function prove(
  options: ClusterOptions,
  scenarios: Readonly<Record<string, (t: Test, cluster: Cluster) => Promise<void>>>,
): void {
  t.setTimeout(TIMEOUT_MS)
  // Side by side: much of the time is spent waiting.
  t.jobs = XDP_MODES.length
  for (const xdp of options.modes ?? XDP_MODES)
    t.test(`XDP ${xdp}${options.config ? ` ${JSON.stringify(options.config)}` : ''}`, { buffered: true }, async t => {
      const cluster = await upCluster(xdp, options)
      t.teardown(() => cluster.lab.down())
      t.same(await xdpOf(cluster), MODES_OF_DEVICES[xdp], 'is what the uplinks do')
      for (const [sentence, scenario] of Object.entries(scenarios)) await t.test(sentence, t => scenario(t, cluster))
    })
}

/** As `ip` has them: 1 of the driver, 2 generic. */
const MODES_OF_DEVICES: Readonly<Record<XdpMode, readonly number[]>> = { off: [0], native: [1], generic: [2] }

/** Where the nodes' first uplinks are plain devices; others have what their kind can do. */
async function xdpOf({ lab, xdp }: Cluster): Promise<readonly number[]> {
  const plain = lab.plan.nodes.filter(({ uplinks }) => uplinks[0]?.kind === 'veth')
  const modes = plain.map(async ({ name }) => {
    const { stdout } = await lab.exec(name, ['ip', '-j', 'link', 'show', 'dev', 'eth0'])
    return JSON.parse(stdout)[0].xdp?.mode ?? 0
  })
  return plain.length === 0 ? MODES_OF_DEVICES[xdp] : [...new Set(await Promise.all(modes))]
}

async function upCluster(xdp: XdpMode, options: ClusterOptions): Promise<Cluster> {
  const { manifests, topology = TOPOLOGY, config = {} } = options
  const lab = await upLab({
    name: `u${process.pid}x${clusters++}`,
    topology: { ...topology, xdp: xdp !== 'off' },
    manifests: manifestFiles(manifests),
    config: { xdp, ...config },
  })
  const dialFrom = (where: string, address: string, port: number, options: Partial<DialOptions> = {}) =>
    lab.dial(where, { protocol: 'http', address, port, path: '/client', timeout: 2000, ...options })
  return {
    lab,
    xdp,
    look: (node, what) => look(lab, node, what),
    put: (name, ...manifests) => put(lab, name, ...manifests),
    async switchXdp(node, mode) {
      await lab.stopAgent(node)
      await lab.startAgent(node, { config: { xdp: mode } })
    },
    remove: name => remove(lab, name),
    async settled(holds) {
      const all = () => lab.plan.nodes.every(({ name }) => holds(look(lab, name, liveServices)))
      if (!(await eventually(async () => all()))) throw new Error('the maps do not say so')
    },
    dial: (address, port, options) => dialFrom('outside', address, port, options),
    dialFrom,
    async ip(where, ...lines) {
      const { code, stderr } = await lab.exec(where, ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` })
      if (code !== 0) throw new Error(`${where}: ip ${lines.join('; ')}: ${stderr}`)
    },
    address: (name, family = 'IPv4') => addressesOf(lab, name)[family === 'IPv4' ? 'v4' : 'v6'],
    rejected: (node, reason) => look(lab, node, ({ reasons }) => reasons.sum(reason) ?? 0n),
  }
}

function addressesOf({ plan }: Lab, name: string): Addresses {
  const found = [...plan.nodes, ...plan.outside, ...plan.pods, ...plan.routers].find(one => one.name === name)
  if (found === undefined) throw new Error(`no ${name} in lab ${plan.lab}`)
  return found.addresses
}

/** Asserts that a packet was turned away for this reason while something was done. */
export async function turnsAway(
  t: Test,
  cluster: Cluster,
  node: string,
  reason: number,
  done: () => Promise<unknown>,
): Promise<void> {
  const before = cluster.rejected(node, reason)
  await done()
  t.ok(cluster.rejected(node, reason) > before, `${node} counted ${reasonName(reason)}`)
}

/** The address in "10.0.0.1:80" or "[fd00::1]:80" (HTTP), or in "10.0.0.1 80" (UDP), that a backend saw as its client. */
export function clientOf({ answer = '' }: Dialled): string {
  return answer.replace(/[ :]\d+$/, '').replace(/^\[|\]$/g, '')
}

/** What answered, or the error: "here 10.0.0.1". */
export function seen(outcome: Dialled): string {
  return outcome.error ?? `${outcome.pod} ${clientOf(outcome)}`
}
