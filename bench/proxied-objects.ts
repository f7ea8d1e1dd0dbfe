// SPDX-License-Identifier: Apache-2.0
/** Ports of Services as the objects that a kube-proxy reads, with the node that it runs on. */
import type { Lab } from '../lab/lab.ts'
import type { ApiObject } from '../test/kubernetes/objects.ts'
import { NODE } from './means.ts'
import type { ProxiedPort } from './proxied.ts'

export function proxiedObjects(lab: Lab, ports: readonly ProxiedPort[]): readonly ApiObject[] {
  const byService = [...Map.groupBy(ports, ({ name }) => name.split(':')[0]).values()]
  return [node(lab), ...byService.map(service), ...byService.map(slice)]
}

function metadata({ name }: ProxiedPort, suffix = '') {
  const [namespace = '', rest = ''] = name.split('/')
  return { namespace, name: `${rest.split(':')[0]}${suffix}`, creationTimestamp: '2026-01-01T00:00:00Z' }
}

function portName({ name }: ProxiedPort): string {
  return name.split(':')[1]!
}

/** The ports of one Service. */
function service(ports: readonly ProxiedPort[]): ApiObject {
  const [first] = ports as readonly [ProxiedPort]
  const { clusterIP } = first
  const type = ports.some(({ nodePort }) => nodePort) ? 'NodePort' : 'ClusterIP'
  const policies = {
    internalTrafficPolicy: 'Cluster',
    ...(type === 'NodePort' && { externalTrafficPolicy: 'Cluster' }),
  }
  const families = { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', sessionAffinity: 'None' }
  const spec = { type, clusterIP, clusterIPs: [clusterIP], ports: ports.map(servicePort), ...policies, ...families }
  return { kind: 'Service', metadata: metadata(first), ...{ apiVersion: 'v1', spec, status: { loadBalancer: {} } } }
}

function servicePort(one: ProxiedPort): object {
  const { port, protocol, nodePort, endpoints } = one
  return {
    ...{ name: portName(one), port, protocol: protocol.toUpperCase(), targetPort: endpoints[0]!.port },
    ...(nodePort && { nodePort }),
  }
}

function slice(ports: readonly ProxiedPort[]): ApiObject {
  const [first] = ports as readonly [ProxiedPort]
  const labels = { 'kubernetes.io/service-name': metadata(first).name }
  const conditions = { ready: true, serving: true, terminating: false }
  return {
    kind: 'EndpointSlice',
    metadata: { ...metadata(first, '-1'), labels },
    ...{ apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4' },
    ...{
      ports: ports.map(one => ({
        ...{ name: portName(one), port: one.endpoints[0]!.port, protocol: one.protocol.toUpperCase() },
      })),
      endpoints: first.endpoints.map(({ address }) => ({ addresses: [address], conditions, nodeName: 'elsewhere' })),
    },
  }
}

function node(lab: Lab): ApiObject {
  const addresses = [{ type: 'InternalIP', address: lab.plan.nodes[0]!.addresses.v4 }]
  const podCIDR = '10.244.1.0/24'
  return {
    ...{ kind: 'Node', metadata: { name: NODE } },
    ...{ apiVersion: 'v1', spec: { podCIDR, podCIDRs: [podCIDR] }, status: { addresses } },
  }
}
