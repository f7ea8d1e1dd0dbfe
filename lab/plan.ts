// SPDX-License-Identifier: Apache-2.0
/** A topology with every name and address decided: the same for the same topology, in every lab. */
import { LabError } from './error.ts'
import { netnsPrefix } from './names.ts'
import {
  type Addresses,
  type Attacher,
  type Attachment,
  attacher,
  deviceOf,
  GATEWAY,
  type PlannedNetwork,
  planNetworks,
} from './networks.ts'
import type { Topology, TopologyNode, TopologyPod } from './topology.ts'

export type { Addresses } from './networks.ts'
export type Family = 'IPv4' | 'IPv6'

export interface PlannedNode {
  readonly name: string
  readonly zone: string
  readonly netns: string
  /** On its first network. */
  readonly addresses: Addresses
  readonly podCIDRs: Addresses
  /** One for each of its networks, in their order. */
  readonly uplinks: readonly Attachment[]
  readonly podMtu: number
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
  readonly uplink: Attachment
}

export interface PlannedRouter {
  readonly name: string
  readonly netns: string
  /** On the network where it is a client. */
  readonly addresses: Addresses
  readonly uplink: Attachment
  /** Where it is the gateway. */
  readonly inner: Attachment
}

export interface Plan {
  readonly lab: string
  readonly fabric: { readonly netns: string }
  readonly networks: readonly PlannedNetwork[]
  readonly podNetwork: string
  readonly nodes: readonly PlannedNode[]
  readonly pods: readonly PlannedPod[]
  readonly routers: readonly PlannedRouter[]
  readonly outside: readonly PlannedOutside[]
  readonly xdp: boolean
}

/** Globs of the host sides of pods, for the agent's configuration. */
export const POD_DEVICES = ['pod*']

/** Of every pod; the host side answers for it (as with Calico). */
export const POD_GATEWAY: Addresses = { v4: '169.254.1.1', v6: 'fe80::1' }

const FIRST_OUTSIDE = 200
const FIRST_ROUTER = 150
const FIRST_POD = 2

export function makePlan(lab: string, topology: Topology): Plan {
  const prefix = netnsPrefix(lab)
  const networks = planNetworks(topology)
  const attach = attacher(networks)
  const nodes = topology.nodes.map((node, i) => planNode(prefix, node, i + 1, attach))
  const routers = topology.routers.map(({ name, network }, i) => {
    const uplink = attach(network, 'eth0', FIRST_ROUTER + i)
    return { name, netns: prefix + name, addresses: uplink.addresses, uplink, inner: attach(name, 'eth1', GATEWAY) }
  })
  const outside = topology.outside.map(({ name, network }, i) => {
    const uplink = attach(network, 'eth0', FIRST_OUTSIDE + i)
    return { name, netns: prefix + name, addresses: uplink.addresses, uplink }
  })
  const { podNetwork, xdp } = topology
  const plan = {
    lab,
    fabric: { netns: `${prefix}fabric` },
    networks,
    podNetwork,
    nodes,
    pods: [],
    routers,
    outside,
    xdp,
  }
  const inOrder = topology.nodes.flatMap(({ name }) => topology.pods.filter(({ node }) => node === name))
  return inOrder.reduce<Plan>(withPod, plan)
}

function planNode(prefix: string, node: TopologyNode, number: number, attach: Attacher): PlannedNode {
  const { name, zone, networks, uplink, podMtu } = node
  const uplinks = networks.map((network, i) => attach(network, deviceOf(uplink, i), number, uplink))
  const podCIDRs = { v4: `10.244.${number}.0/24`, v6: `fd00:244:${number}::/64` }
  return { name, zone, netns: prefix + name, addresses: uplinks[0]!.addresses, podCIDRs, uplinks, podMtu }
}

/** The plan with one more pod, at the next address of its node. */
export function withPod(plan: Plan, pod: TopologyPod): Plan {
  const number = plan.nodes.findIndex(({ name }) => name === pod.node) + 1
  const beside = plan.pods.filter(({ node }) => node === pod.node).map(hostOf)
  const host = Math.max(FIRST_POD - 1, ...beside) + 1
  const addresses = { v4: `10.244.${number}.${host}`, v6: `fd00:244:${number}::${host}` }
  const netns = `${netnsPrefix(plan.lab)}${pod.node}-${pod.name}`
  return { ...plan, pods: [...plan.pods, { ...pod, netns, addresses, device: `pod${host - FIRST_POD}` }] }
}

function hostOf({ addresses }: PlannedPod): number {
  return Number(addresses.v4.split('.').at(-1))
}

export function networkOf({ networks }: Pick<Plan, 'networks'>, name: string): PlannedNetwork {
  return networks.find(network => network.name === name)!
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
  const routers = plan.routers.map(({ name, netns }) => ({ name, netns, cgroup: name }))
  return [...plan.nodes.map(nodePlace), ...plan.pods.map(podPlace), ...routers, ...outside]
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
