// SPDX-License-Identifier: Apache-2.0
/** A topology with every name and address decided: the same for the same topology, in every lab. */
import { LabError } from './error.ts'
import { netnsPrefix } from './names.ts'
import type { Topology, TopologyPod } from './topology.ts'

export type Family = 'IPv4' | 'IPv6'

export interface Addresses {
  readonly v4: string
  readonly v6: string
}

export interface PlannedNode {
  readonly name: string
  readonly zone: string
  readonly netns: string
  readonly addresses: Addresses
  readonly podCIDRs: Addresses
}

export interface PlannedPod extends TopologyPod {
  readonly netns: string
  readonly addresses: Addresses
  /** The host side of its veth, in the node's namespace. */
  readonly device: string
}

export interface PlannedOutside {
  readonly name: string
  readonly netns: string
  readonly addresses: Addresses
}

export interface Plan {
  readonly lab: string
  readonly fabric: { readonly netns: string; readonly gateway: Addresses }
  readonly nodes: readonly PlannedNode[]
  readonly pods: readonly PlannedPod[]
  readonly outside: readonly PlannedOutside[]
  readonly xdp: boolean
}

/** Globs of the host sides of pods, for the agent's configuration. */
export const POD_DEVICES = ['pod*']

/** Of every pod; the host side answers for it (as with Calico). */
export const POD_GATEWAY: Addresses = { v4: '169.254.1.1', v6: 'fe80::1' }

const FIRST_OUTSIDE = 200
const GATEWAY = 254

export function makePlan(lab: string, topology: Topology): Plan {
  const prefix = netnsPrefix(lab)
  const nodes = topology.nodes.map((node, i) => planNode(prefix, node, i + 1))
  const outside = topology.outside.map((name, i) => ({
    name,
    netns: prefix + name,
    addresses: onFabric(FIRST_OUTSIDE + i),
  }))
  const fabric = { netns: `${prefix}fabric`, gateway: onFabric(GATEWAY) }
  const pods = topology.nodes.flatMap((node, i) =>
    topology.pods.filter(pod => pod.node === node.name).map((pod, j) => planPod(prefix, pod, i + 1, j)),
  )
  return { lab, fabric, nodes, pods, outside, xdp: topology.xdp }
}

/** Decimal digits are hexadecimal ones too: both families show the same host number. */
function onFabric(host: number): Addresses {
  return { v4: `172.31.0.${host}`, v6: `fd00:31::${host}` }
}

function planNode(prefix: string, node: Topology['nodes'][number], number: number): PlannedNode {
  const podCIDRs = { v4: `10.244.${number}.0/24`, v6: `fd00:244:${number}::/64` }
  return { ...node, netns: prefix + node.name, addresses: onFabric(number), podCIDRs }
}

function planPod(prefix: string, pod: TopologyPod, node: number, index: number): PlannedPod {
  const host = index + 2
  const addresses = { v4: `10.244.${node}.${host}`, v6: `fd00:244:${node}::${host}` }
  return { ...pod, netns: `${prefix}${pod.node}-${pod.name}`, addresses, device: `pod${index}` }
}

/** Where a command can run. */
export interface Place {
  /** "node1", "node1/client" or "outside". */
  readonly name: string
  readonly netns: string
  /** Relative to the lab's cgroup. */
  readonly cgroup: string
  /** The node that it is or runs on; undefined outside. */
  readonly node?: string
}

export function nodePlace(node: PlannedNode): Place {
  return { name: node.name, netns: node.netns, cgroup: `${node.name}/host`, node: node.name }
}

export function podPlace(pod: PlannedPod): Place {
  return { name: `${pod.node}/${pod.name}`, netns: pod.netns, cgroup: `${pod.node}/pod-${pod.name}`, node: pod.node }
}

export function places(plan: Plan): readonly Place[] {
  const outside = plan.outside.map(({ name, netns }) => ({ name, netns, cgroup: name }))
  return [...plan.nodes.map(nodePlace), ...plan.pods.map(podPlace), ...outside]
}

/** Finds a place by its name; a pod also by its own name alone. */
export function findPlace(plan: Plan, name: string): Place {
  const all = places(plan)
  const place = all.find(place => place.name === name) ?? all.find(place => place.name.endsWith(`/${name}`))
  if (place) return place
  throw new LabError(`lab "${plan.lab}" has no "${name}" (it has ${all.map(({ name }) => name).join(', ')})`)
}

export function findPod(plan: Plan, name: string): PlannedPod {
  const pod = plan.pods.find(pod => pod.name === name || `${pod.node}/${pod.name}` === name)
  if (pod) return pod
  throw new LabError(`lab "${plan.lab}" has no pod "${name}" (it has ${plan.pods.map(({ name }) => name).join(', ')})`)
}
