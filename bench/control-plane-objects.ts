// SPDX-License-Identifier: Apache-2.0
/** Services as the source gives them that reads an API server: decoded by it. */
import type { Node, ServiceKey, ServiceView } from '../agent/objects.ts'
import type { Raw } from '../agent/source/kubernetes/raw.ts'
import { readService } from '../agent/source/kubernetes/service.ts'
import { readSlice } from '../agent/source/kubernetes/slice.ts'

export const ENDPOINTS = 10
export const NODE: Node = {
  name: 'node1',
  labels: {},
  zone: 'z1',
  addresses: ['192.0.2.1'],
  podCIDRs: [],
  taints: [],
  deleting: false,
}

const NAMESPACE = 'bench'

function address(network: number, number: number): string {
  return `10.${network + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

/** `generation` of 1 and on puts another endpoint into the place of one. */
export function serviceView(number: number, generation = 0): readonly [ServiceKey, ServiceView] {
  const name = `service-${number}`
  const addresses = Array.from({ length: ENDPOINTS }, (_, i) => {
    const changed = generation > 0 && i === generation % ENDPOINTS
    return changed ? address(200, generation) : address(128, number * ENDPOINTS + i)
  })
  const slice = readSlice(rawSlice(name, addresses))
  return [slice.service, { service: readService(rawService(name, address(96, number))), slices: [slice] }]
}

function rawSlice(service: string, addresses: readonly string[]): Raw {
  const labels = { 'kubernetes.io/service-name': service }
  return {
    metadata: { namespace: NAMESPACE, name: `${service}-1`, labels },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: addresses.map((address, i) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node${i % 3}`,
      zone: `z${i % 3}`,
    })),
  }
}

function rawService(name: string, clusterIP: string): Raw {
  return {
    metadata: { namespace: NAMESPACE, name, uid: name, creationTimestamp: '2026-01-02T03:04:05Z' },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
    },
  }
}
