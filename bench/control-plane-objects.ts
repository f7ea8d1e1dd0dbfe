// SPDX-License-Identifier: Apache-2.0
/** Services as a source would give them, decoded. */
import { packEndpoints } from '../agent/endpoints.ts'
import type { Endpoint, Node, ServiceKey, ServiceView } from '../agent/objects.ts'

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

function address(network: number, number: number): string {
  return `10.${network + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

/** `generation` of 1 and on puts another endpoint into the place of one. */
export function serviceView(number: number, generation = 0): readonly [ServiceKey, ServiceView] {
  const name = `service-${number}`
  const key = `bench/${name}`
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) => {
    const changed = generation > 0 && i === generation % ENDPOINTS
    return endpoint(changed ? address(200, generation) : address(128, number * ENDPOINTS + i), i)
  })
  const slice = {
    namespace: 'bench',
    name: `${name}-1`,
    service: key,
    addressType: 'IPv4' as const,
    ports: [{ name: 'http', protocol: 'TCP' as const, port: 8080 }],
    endpoints: packEndpoints(endpoints),
  }
  return [key, { service: service(name, address(96, number)), slices: [slice] }]
}

function endpoint(text: string, i: number): Endpoint {
  const nodeName = `node${i % 3}`
  const state = { ready: true, serving: true, terminating: false, nodeName, zone: `z${i % 3}` }
  return { address: text, state }
}

function service(name: string, clusterIP: string): ServiceView['service'] {
  return {
    namespace: 'bench',
    name,
    uid: '',
    labels: {},
    annotations: {},
    created: 1,
    type: 'ClusterIP',
    clusterIPs: [clusterIP],
    externalIPs: [],
    loadBalancer: [],
    loadBalancerSourceRanges: [],
    allocateLoadBalancerNodePorts: true,
    healthCheckNodePort: 0,
    ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 8080 }],
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    trafficDistribution: '',
    affinitySeconds: 0,
  }
}
