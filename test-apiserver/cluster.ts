// SPDX-License-Identifier: Apache-2.0
/** A lab of two nodes whose agents read a real API server. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { DialOptions } from '../lab/dial.ts'
import type { Lab } from '../lab/lab.ts'
import { upLab } from '../lab/up.ts'
import { type ApiObject, node, service, slice } from '../test/kubernetes/objects.ts'
import { type ControlPlane, createControlPlane } from './control-plane.ts'

export const NODES = ['node1', 'node2'] as const
export const CLIENTS = ['node1/client1', 'node2/client2'] as const
/** Of every pod. */
export const POD_PORT = 9376
const WEB = 4

export interface Cluster extends ControlPlane {
  readonly lab: Lab
  /** From a client pod of each node: the pods that answer at this address, sorted, and the errors. */
  readonly answers: (address: string, options?: Partial<DialOptions>) => Promise<readonly string[]>
  /** Whether exactly these come to answer on both nodes, within `seconds`. */
  readonly become: (address: string, pods: string, seconds?: number) => Promise<boolean>
}

export interface ClusterOptions {
  /** Of the agents' configuration. */
  readonly config?: object
  /** Default true. */
  readonly agents?: boolean
}

/** Pods web-0 to web-3, on the nodes in turn, and a client on each. Down again when the test ends. */
export async function startCluster(t: Test, options: ClusterOptions = {}): Promise<Cluster> {
  const plane = createControlPlane()
  t.teardown(() => plane.remove())
  t.comment(`kube-apiserver ${plane.programs.version}`)
  const clients = NODES.map((node, i) => ({ name: `client${i + 1}`, node }))
  const web = Array.from({ length: WEB }, (_, i) => ({
    name: `web-${i}`,
    node: NODES[i % 2]!,
    serve: 'hostnames' as const,
  }))
  const lab = await upLab({
    ...{ name: `a${process.pid}`, kubeconfig: plane.kubeconfig, ...options },
    topology: { nodes: NODES.map(name => ({ name })), pods: [...clients, ...web] },
    beforeAgents: async lab => {
      await plane.start(lab)
      for (const { name, addresses } of lab.plan.nodes) await plane.client.put(node(name, 'z1', addresses.v4))
    },
  })
  // Before the folder is removed: tap runs teardowns last come, first served.
  t.teardown(() => lab.down())

  const answers: Cluster['answers'] = async (address, options) => {
    const dial = { protocol: 'http', address, port: 80, count: 12, timeout: 1_000, ...options } as const
    const dialled = await Promise.all(CLIENTS.map(client => lab.dial(client, dial)))
    return dialled.map(all => [...new Set(all.map(({ pod, error }) => pod ?? error!))].sort().join(' '))
  }
  const become: Cluster['become'] = async (address, pods, seconds = 10) => {
    for (const deadline = Date.now() + seconds * 1_000; Date.now() < deadline; await sleep(100))
      if ((await answers(address)).every(each => each === pods)) return true
    return false
  }
  return { ...plane, lab, answers, become }
}

export function webService(name: string, clusterIP: string): ApiObject {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP', targetPort: POD_PORT }]
  return service(name, { clusterIP, clusterIPs: [clusterIP], ports })
}

/** `pods` are names of the lab's. */
export function webSlice(lab: Lab, name: string, ...pods: readonly string[]): ApiObject {
  const ports = [{ name: 'http', port: POD_PORT, protocol: 'TCP' }]
  const endpoints = pods.map(pod => ({
    addresses: [lab.address(pod)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: lab.plan.pods.find(({ name }) => name === pod)!.node,
  }))
  return slice(`${name}-1`, [], { ports, endpoints })
}
