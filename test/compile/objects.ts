// SPDX-License-Identifier: Apache-2.0
/** Objects for tests: what is not given has the API's defaults. */
import type { CompileContext } from '../../agent/compile/context.ts'
import { packEndpoints } from '../../agent/endpoints.ts'
import type { Endpoint, EndpointSlice, EndpointState, Node, Service, ServicePort } from '../../agent/objects.ts'

export function service(given: Partial<Service> = {}): Service {
  return {
    namespace: 'default',
    name: 'web',
    uid: '',
    labels: {},
    annotations: {},
    created: 0,
    type: 'ClusterIP',
    clusterIPs: ['10.96.0.10'],
    externalIPs: [],
    loadBalancer: [],
    loadBalancerSourceRanges: [],
    allocateLoadBalancerNodePorts: true,
    healthCheckNodePort: 0,
    ports: [port()],
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    trafficDistribution: '',
    affinitySeconds: 0,
    ...given,
  }
}

export function port(given: Partial<ServicePort> = {}): ServicePort {
  return { name: 'http', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 8080, ...given }
}

export function slice(endpoints: readonly Endpoint[], given: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    namespace: 'default',
    name: 'web-1',
    service: 'default/web',
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: packEndpoints(endpoints),
    ...given,
  }
}

export function endpoint(address: string, given: Partial<EndpointState> = {}): Endpoint {
  const state = { ready: true, serving: true, terminating: false, nodeName: 'node1', zone: '', ...given }
  return { address, state }
}

export function node(given: Partial<Node> = {}): Node {
  return { name: 'node1', labels: {}, zone: 'z1', addresses: [], podCIDRs: [], taints: [], deleting: false, ...given }
}

export function onNode(nodeName = 'node1', zone = 'z1'): CompileContext {
  return { nodeName, node: node({ name: nodeName, zone }), serviceProxyName: '' }
}
