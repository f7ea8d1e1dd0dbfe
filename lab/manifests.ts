// SPDX-License-Identifier: Apache-2.0
/** The folder of manifests that the lab's agents read: the user's files, and Node and Pod objects of the lab's own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { nodeFile, podFile } from './names.ts'
import type { Addresses, Plan, PlannedNode, PlannedPod } from './plan.ts'

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

export async function writePod(folder: string, plan: Plan, pod: PlannedPod): Promise<void> {
  await writeFile(join(folder, podFile(pod.name)), stringify(podObject(plan, pod)))
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
function podObject(plan: Plan, pod: PlannedPod) {
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
