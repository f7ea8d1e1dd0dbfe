// SPDX-License-Identifier: Apache-2.0
/** What a lab consists of, as people write it: the LabTopology document. */
import { z } from 'zod'
import { LabError } from './error.ts'
import { API_VERSION, TOPOLOGY_KIND } from './names.ts'

/** Each node has a /24 of 10.244.0.0/16 and an address of the fabric's /24. */
const MAX_NODES = 99
const MAX_PODS_OF_NODE = 250
const MAX_OUTSIDE = 50

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

const topologySchema = z.strictObject({
  apiVersion: z.literal(API_VERSION).default(API_VERSION),
  kind: z.literal(TOPOLOGY_KIND).default(TOPOLOGY_KIND),
  metadata: z.looseObject({ name: z.string().optional() }).optional(),
  nodes: z
    .array(z.strictObject({ name: label, zone: z.string().default('') }))
    .min(1, 'a lab needs a node')
    .max(MAX_NODES),
  pods: z.array(podSchema).default([]),
  outside: z.array(label).max(MAX_OUTSIDE).default(['outside']),
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

export interface Topology {
  readonly nodes: readonly { readonly name: string; readonly zone: string }[]
  readonly pods: readonly TopologyPod[]
  /** Names of the clients outside of the cluster. */
  readonly outside: readonly string[]
  /** Whether uplinks are to carry XDP programs that send packets themselves. */
  readonly xdp: boolean
}

/** A topology as written: everything with a default may be left out. */
export type TopologyInput = Omit<z.input<typeof topologySchema>, 'pods'> & {
  readonly pods?: readonly z.input<typeof podSchema>[]
}

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
  const { nodes, outside, xdp } = parsed.data
  const pods = parsed.data.pods.map(pod => ({ ...pod, ports: pod.ports ?? (pod.serve ? HOSTNAMES_PORTS : []) }))
  return { nodes, pods, outside, xdp }
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

/** Cross-checks that no schema can express: names are unique and pods are on nodes that exist. */
export function checkTopology(topology: Topology): Topology {
  const problems = [...duplicateNames(topology), ...misplacedPods(topology), ...crowdedNodes(topology)]
  if (problems.length > 0) throw new LabError(problems.join('\n'))
  return topology
}

function duplicateNames({ nodes, pods, outside }: Topology): string[] {
  const seen = new Set(['fabric'])
  const netns = new Set<string>()
  const things = [
    ...nodes.map(({ name }) => ({ what: 'node', name, netns: name })),
    ...outside.map(name => ({ what: 'outside client', name, netns: name })),
    ...pods.map(({ name, node }) => ({ what: 'pod', name, netns: `${node}-${name}` })),
  ]
  return things.flatMap(thing => {
    const taken = seen.has(thing.name) || netns.has(thing.netns)
    seen.add(thing.name)
    netns.add(thing.netns)
    return taken
      ? [`${thing.what} "${thing.name}": the name is taken in this lab; give each node, pod and client its own`]
      : []
  })
}

function misplacedPods({ nodes, pods }: Topology): string[] {
  const names = nodes.map(({ name }) => name)
  return pods
    .filter(({ node }) => !names.includes(node))
    .map(({ name, node }) => `pod "${name}": node "${node}" is not in the topology (nodes: ${names.join(', ')})`)
}

function crowdedNodes({ nodes, pods }: Topology): string[] {
  return nodes
    .filter(({ name }) => pods.filter(({ node }) => node === name).length > MAX_PODS_OF_NODE)
    .map(({ name }) => `node "${name}": has more than ${MAX_PODS_OF_NODE} pods; add nodes`)
}
