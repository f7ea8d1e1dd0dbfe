// SPDX-License-Identifier: Apache-2.0
/** What a lab consists of, as people write it: the LabTopology document. */
import { z } from 'zod'
import { LabError } from './error.ts'
import { API_VERSION, TOPOLOGY_KIND } from './names.ts'

/** Each node has a /24 of 10.244.0.0/16 and an address of each network's /24. */
const MAX_NODES = 99
const MAX_OUTSIDE = 50
const MAX_ROUTERS = 50
const MAX_NETWORKS = 16
/** The smallest link that IPv6 knows (RFC 8200 5), and the largest one of a veth. */
const MIN_MTU = 1280
const MAX_MTU = 65_535

/** The network that is there when none is named. */
export const FABRIC = 'fabric'

const label = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'use lower-case letters, digits and dashes (a DNS label)')

const portSchema = z.strictObject({
  name: label.optional(),
  port: z.int().min(1).max(65535),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
})

const HOSTNAMES_PORTS = [
  { name: 'http', port: 9376, protocol: 'TCP' },
  { name: 'udp', port: 9376, protocol: 'UDP' },
] as const

const podSchema = z.strictObject({
  name: label,
  namespace: label.default('default'),
  node: label,
  labels: z.record(z.string(), z.string()).default({}),
  ports: z.array(portSchema).optional(),
  serve: z.literal('hostnames', 'the lab can serve "hostnames" only').optional(),
  ready: z.boolean().default(true),
})

const mtu = z.int().min(MIN_MTU).max(MAX_MTU)

const nodeSchema = z.strictObject({
  name: label,
  zone: z.string().default(''),
  networks: z.array(label).min(1).optional(),
  uplink: z.enum(['veth', 'bridge', 'vlan', 'bond']).default('veth'),
  podMtu: mtu.default(1500),
})

/** A client may be written as its name alone. */
const outsideSchema = z.preprocess(
  value => (typeof value === 'string' ? { name: value } : value),
  z.strictObject({ name: label, network: label.optional() }),
)

const routerSchema = z.strictObject({ name: label, network: label.optional(), mtu: mtu.default(1500) })

const topologySchema = z.strictObject({
  apiVersion: z.literal(API_VERSION).default(API_VERSION),
  kind: z.literal(TOPOLOGY_KIND).default(TOPOLOGY_KIND),
  metadata: z.looseObject({ name: z.string().optional() }).optional(),
  networks: z
    .array(z.strictObject({ name: label, mtu: mtu.default(1500) }))
    .min(1)
    .max(MAX_NETWORKS)
    .prefault([{ name: FABRIC }]),
  podNetwork: label.optional(),
  nodes: z.array(nodeSchema).min(1, 'a lab needs a node').max(MAX_NODES),
  pods: z.array(podSchema).default([]),
  routers: z.array(routerSchema).max(MAX_ROUTERS).default([]),
  outside: z.array(outsideSchema).max(MAX_OUTSIDE).prefault(['outside']),
  xdp: z.boolean().default(false),
})

export interface PodPort {
  readonly name?: string | undefined
  readonly port: number
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
}

export interface TopologyPod {
  readonly name: string
  readonly namespace: string
  readonly node: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly PodPort[]
  /** What the pod runs; undefined: nothing. */
  readonly serve?: 'hostnames' | undefined
  readonly ready: boolean
  /** The Pod object that it comes from, when it comes from a manifest. */
  readonly manifest?: Readonly<Record<string, unknown>> | undefined
}

export type UplinkKind = 'veth' | 'bridge' | 'vlan' | 'bond'

export interface TopologyNode {
  readonly name: string
  readonly zone: string
  /** The first one leads everywhere else. */
  readonly networks: readonly string[]
  /** What its addresses are on. */
  readonly uplink: UplinkKind
  readonly podMtu: number
}

export interface TopologyRouter {
  readonly name: string
  /** Where it is a client: a network, or that behind another router. */
  readonly network: string
  /** Of the network behind it, which has its name. */
  readonly mtu: number
}

export interface Topology {
  readonly networks: readonly { readonly name: string; readonly mtu: number }[]
  /** Over which nodes reach each other's pods. */
  readonly podNetwork: string
  readonly nodes: readonly TopologyNode[]
  readonly pods: readonly TopologyPod[]
  readonly routers: readonly TopologyRouter[]
  /** Clients outside of the cluster. */
  readonly outside: readonly { readonly name: string; readonly network: string }[]
  /** Whether uplinks are to carry XDP programs that send packets themselves. */
  readonly xdp: boolean
}

/** A topology as written: everything with a default may be left out. */
export type TopologyInput = Omit<z.input<typeof topologySchema>, 'pods' | 'outside'> & {
  readonly pods?: readonly PodInput[]
  readonly outside?: readonly (string | { readonly name: string; readonly network?: string })[]
}

export type PodInput = z.input<typeof podSchema>

/** "pods[2].ports[0].port" */
export function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

/**
 * Checks a LabTopology document.
 * @param locate says where a field stands ("lab.yaml:12"), for messages.
 */
export function parseTopology(document: unknown, locate: (path: readonly PropertyKey[]) => string): Topology {
  const parsed = topologySchema.safeParse(document)
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${locate(path)}: ${fieldName(path)}: ${message}`)
    throw new LabError(lines.join('\n'))
  }
  const { networks, podNetwork, nodes, pods, routers, outside, xdp } = parsed.data
  const first = networks[0]!.name
  return {
    networks,
    podNetwork: podNetwork ?? first,
    nodes: nodes.map(node => ({ ...node, networks: node.networks ?? networks.map(({ name }) => name) })),
    pods: pods.map(withPorts),
    routers: routers.map(router => ({ ...router, network: router.network ?? first })),
    outside: outside.map(client => ({ ...client, network: client.network ?? first })),
    xdp,
  }
}

function withPorts(pod: z.output<typeof podSchema>): TopologyPod {
  return { ...pod, ports: pod.ports ?? (pod.serve ? HOSTNAMES_PORTS : []) }
}

/** Checks one pod. */
export function parsePod(pod: PodInput): TopologyPod {
  const parsed = podSchema.safeParse(pod)
  if (parsed.success) return withPorts(parsed.data)
  throw new LabError(parsed.error.issues.map(({ path, message }) => `pod: ${fieldName(path)}: ${message}`).join('\n'))
}

/** What `lab up` makes when nobody says otherwise. With pods of the user's own, only the client remains. */
export function defaultTopology(withHostnames: boolean): Topology {
  const hostnames = ['node1', 'node1', 'node2'].map((node, i) => ({
    name: `hostnames-${i}`,
    node,
    labels: { app: 'hostnames' },
    serve: 'hostnames',
  }))
  const client = { name: 'client', node: 'node1', labels: { app: 'client' } }
  const nodes = [
    { name: 'node1', zone: 'zone-a' },
    { name: 'node2', zone: 'zone-b' },
  ]
  return parseTopology({ nodes, pods: withHostnames ? [client, ...hostnames] : [client] }, () => 'default topology')
}
