// SPDX-License-Identifier: Apache-2.0
/** Objects as an API server gives them. */

export interface ApiObject {
  readonly kind: string
  readonly metadata: Fields & {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly resourceVersion?: string
  }
}

export type Fields = Readonly<Record<string, unknown>>

export function service(name: string, spec: Fields = {}, metadata: Fields = {}): ApiObject {
  return {
    kind: 'Service',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-02T03:04:05Z',
      ...metadata,
    },
    ...{ apiVersion: 'v1', spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 8080 }], ...spec } },
    ...{ status: { loadBalancer: {} } },
  }
}

/** web-1 is a slice of web. */
export function slice(name: string, addresses: readonly string[], fields: Fields = {}): ApiObject {
  const labels = { 'kubernetes.io/service-name': name.replace(/-[^-]*$/, '') }
  return {
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels },
    ...{ apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4', ports: [{ name: '', protocol: 'TCP', port: 8080 }] },
    ...{ endpoints: addresses.map(address => ({ addresses: [address], conditions: { ready: true } })), ...fields },
  }
}

export function node(name: string, zone = 'z1', address = '172.31.0.1'): ApiObject {
  return {
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    ...{ apiVersion: 'v1', spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } },
    ...{
      status: {
        addresses: [
          { type: 'InternalIP', address },
          { type: 'Hostname', address: name },
        ],
      },
    },
  }
}
