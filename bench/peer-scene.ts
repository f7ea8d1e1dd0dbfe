// SPDX-License-Identifier: Apache-2.0
/** What is asked by whom when means are compared: a Service with a client on its backend's node, or one outside at a nodePort. */
import { stringify } from 'yaml'
import type { Lab } from '../lab/lab.ts'
import type { TopologyInput } from '../lab/topology.ts'
import type { Dialled } from './exchange.ts'
import { NODE } from './means.ts'
import type { ProxiedPort } from './proxied.ts'

export const CLIENT = 'client'
export const SERVER = 'web'
const VIP = '10.96.250.1'
const VIP_PORT = 80
export const POD_PORT = 7_000
const NODE_PORT = 30_080
const PROTOCOLS = ['tcp', 'udp'] as const

export interface Scene {
  readonly topology: TopologyInput
  readonly manifests: Readonly<Record<string, string>>
  readonly tested: (lab: Lab) => readonly ProxiedPort[]
  /** The Service as the client dials it. */
  readonly service: (lab: Lab) => Dialled
}

function server(node: string) {
  const ports = PROTOCOLS.map(name => ({ name, port: POD_PORT, protocol: name === 'tcp' ? 'TCP' : 'UDP' }) as const)
  return { name: SERVER, node, labels: { app: SERVER }, ports }
}

function manifests(nodePort?: number): Readonly<Record<string, string>> {
  const ports = PROTOCOLS.map(name => ({
    ...{ name, port: VIP_PORT, protocol: name.toUpperCase(), targetPort: name },
    ...(nodePort && { nodePort }),
  }))
  const type = nodePort === undefined ? 'ClusterIP' : 'NodePort'
  const spec = { type, clusterIP: VIP, selector: { app: SERVER }, ports }
  return { 'web.yaml': stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: SERVER }, spec }) }
}

function tested(lab: Lab, nodePort?: number): readonly ProxiedPort[] {
  const endpoints = [{ address: lab.address(SERVER), port: POD_PORT }]
  return PROTOCOLS.map(protocol => ({
    ...{ name: `default/${SERVER}:${protocol}`, isTested: true, clusterIP: VIP, protocol, port: VIP_PORT, endpoints },
    ...(nodePort && { nodePort }),
  }))
}

/** Client and backend are pods of one node: nothing but the kernel between them. */
export const NEAR: Scene = {
  topology: { nodes: [{ name: NODE }], pods: [{ name: CLIENT, node: NODE }, server(NODE)] },
  manifests: manifests(),
  tested: lab => tested(lab),
  service: () => ({ address: VIP, port: VIP_PORT }),
}

/** The client is outside, the backend on another node than the one whose nodePort is dialled. */
export const AT_NODE_PORT: Scene = {
  topology: { nodes: [{ name: NODE }, { name: 'node2' }], pods: [server('node2')], outside: [CLIENT], xdp: true },
  manifests: manifests(NODE_PORT),
  tested: lab => tested(lab, NODE_PORT),
  service: lab => ({ address: lab.plan.nodes[0]!.addresses.v4, port: NODE_PORT }),
}
