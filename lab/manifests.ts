// SPDX-License-Identifier: Apache-2.0
/** The folder of manifests that the lab's agents read: the user's files, and Node and Pod objects of the lab's own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { z } from 'zod'
import type { FoundDocument } from './documents.ts'
import { LabError } from './error.ts'
import type { Addresses, Plan, PlannedNode, PlannedPod } from './plan.ts'
import { fieldName, type Topology, type TopologyPod } from './topology.ts'

/** Annotations of a Pod that say what the lab makes of it. Without `node`, Pods go round the nodes in turn. */
export const SERVE_ANNOTATION = 'lab.evenkeel.io/serve'
export const NODE_ANNOTATION = 'lab.evenkeel.io/node'

const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().default('default'),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z
    .looseObject({
      nodeName: z.string().optional(),
      containers: z
        .array(
          z.looseObject({
            ports: z
              .array(
                z.looseObject({
                  name: z.string().optional(),
                  containerPort: z.int().min(1).max(65535),
                  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
                }),
              )
              .default([]),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

/** Makes pods of the lab from Pod manifests. */
export function podsFromManifests(documents: readonly FoundDocument[], nodes: Topology['nodes']): TopologyPod[] {
  return documents.map((document, i) => podFromManifest(document, nodes[i % nodes.length]!.name))
}

function podFromManifest({ value, locate }: FoundDocument, defaultNode: string): TopologyPod {
  const parsed = podSchema.safeParse(value)
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${locate(path)}: Pod: ${fieldName(path)}: ${message}`)
    throw new LabError(lines.join('\n'))
  }
  const { metadata, spec } = parsed.data
  const ports = spec.containers.flatMap(({ ports }) => ports)
  const serve = metadata.annotations[SERVE_ANNOTATION]
  if (serve !== undefined && serve !== 'hostnames')
    throw new LabError(
      `${locate(['metadata', 'annotations', SERVE_ANNOTATION])}: the lab can serve "hostnames" only, not "${serve}"`,
    )
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    labels: metadata.labels,
    node: metadata.annotations[NODE_ANNOTATION] ?? spec.nodeName ?? defaultNode,
    ports: ports.map(({ name, containerPort, protocol }) => ({ name, port: containerPort, protocol })),
    serve,
    ready: true,
    manifest: value,
  }
}

export function nodeFile(node: string): string {
  return `lab-node-${node}.yaml`
}

export function podFile(pod: string): string {
  return `lab-pod-${pod}.yaml`
}

export async function writeManifests(
  folder: string,
  plan: Plan,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const all = [
    ...Object.entries(files),
    ...plan.nodes.map(node => [nodeFile(node.name), stringify(nodeObject(node))] as const),
    ...plan.pods.map(pod => [podFile(pod.name), stringify(podObject(plan, pod))] as const),
  ]
  await Promise.all(all.map(([name, text]) => writeFile(join(folder, name), text)))
}

function inOrder({ v4, v6 }: Addresses): string[] {
  return [v4, v6]
}

function nodeObject({ name, zone, addresses, podCIDRs }: PlannedNode) {
  const zoneLabel = zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...zoneLabel } },
    spec: { podCIDR: podCIDRs.v4, podCIDRs: inOrder(podCIDRs) },
    status: {
      addresses: [
        ...inOrder(addresses).map(address => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  }
}

/** The Pod object as a cluster would show it once the pod runs. */
export function podObject(plan: Plan, pod: PlannedPod) {
  const node = plan.nodes.find(({ name }) => name === pod.node)!
  const ready = [{ type: 'Ready', status: pod.ready ? 'True' : 'False' }]
  return {
    ...podBase(pod),
    status: {
      phase: 'Running',
      conditions: ready,
      hostIP: node.addresses.v4,
      hostIPs: inOrder(node.addresses).map(ip => ({ ip })),
      podIP: pod.addresses.v4,
      podIPs: inOrder(pod.addresses).map(ip => ({ ip })),
    },
  }
}

function podBase({ manifest, name, namespace, node, labels, ports }: PlannedPod) {
  if (manifest) return { ...manifest, spec: { ...(manifest.spec as object | undefined), nodeName: node } }
  const containerPorts = ports.map(({ name, port, protocol }) => ({ name, containerPort: port, protocol }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { nodeName: node, containers: [{ name: 'main', image: 'lab', ports: containerPorts }] },
  }
}
