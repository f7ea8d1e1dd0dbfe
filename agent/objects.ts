// SPDX-License-Identifier: Apache-2.0
/**
 * The Kubernetes objects as the agent holds them: only the fields that decide what a Service means, with the API's defaults
 * filled in. Sources produce them, compile/ reads them. All are immutable.
 */

export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type TrafficPolicy = 'Cluster' | 'Local'

/** "namespace/name". */
export type ServiceKey = string

/** Joined, as texts that are kept and looked up by the thousands are better whole than the tree that a template makes. */
export function keyOf(namespace: string, name: string): ServiceKey {
  return [namespace, name].join('/')
}

export interface ServicePort {
  /** Empty when the Service has one unnamed port. */
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
  /** A number, or the name of a container port. Only sources resolve it: compile/ reads ports from slices. */
  readonly targetPort: number | string
}

export interface LoadBalancerIngress {
  readonly ip: string
  readonly ipMode: 'VIP' | 'Proxy'
}

export interface Service {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; 0 when unknown. Decides between two Services that claim one frontend. */
  readonly created: number
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  /** Empty when there is none; ["None"] for a headless Service. */
  readonly clusterIPs: readonly string[]
  readonly externalIPs: readonly string[]
  readonly loadBalancer: readonly LoadBalancerIngress[]
  readonly loadBalancerSourceRanges: readonly string[]
  readonly allocateLoadBalancerNodePorts: boolean
  readonly healthCheckNodePort: number
  readonly ports: readonly ServicePort[]
  readonly internalTrafficPolicy: TrafficPolicy
  readonly externalTrafficPolicy: TrafficPolicy
  readonly trafficDistribution: string
  /** ClientIP affinity time-out in seconds; 0: none. */
  readonly affinitySeconds: number
}

export interface SlicePort {
  readonly name: string
  readonly protocol: Protocol
  /** null: all ports (never used by Services). */
  readonly port: number | null
}

/** What is told of an endpoint besides its address. */
export interface EndpointState {
  /** The API's defaults are filled in: unset ready and serving are true, unset terminating is false (as kube-proxy reads them). */
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** Empty when unknown. */
  readonly nodeName: string
  readonly zone: string
  /** Topology hints; undefined when the endpoint has none of that kind. */
  readonly zoneHints?: readonly string[]
  readonly nodeHints?: readonly string[]
}

export interface Endpoint {
  /** The first one, which is the one that counts, as in kube-proxy: consumers may not use the others. Empty: it has none. */
  readonly address: string
  readonly state: EndpointState
}

/** Endpoints as they are held, for there are very many: endpoints.ts makes and reads them. */
export interface PackedEndpoints {
  /** A line each. */
  readonly addresses: string
  /** In the same order. Equal ones are one object. */
  readonly states: readonly EndpointState[]
}

export interface EndpointSlice {
  readonly namespace: string
  readonly name: string
  /** Of the Service, from the label kubernetes.io/service-name. */
  readonly service: ServiceKey
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly ports: readonly SlicePort[]
  readonly endpoints: PackedEndpoints
  /**
   * When what the slice follows from changed, in milliseconds since the epoch (endpoints.kubernetes.io/last-change-trigger-time);
   * undefined when nobody says.
   */
  readonly triggered?: number
}

export interface Taint {
  readonly key: string
  readonly effect: string
}

export interface Node {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** From the label topology.kubernetes.io/zone; empty when it has none. */
  readonly zone: string
  /** InternalIP addresses, then ExternalIP addresses. */
  readonly addresses: readonly string[]
  readonly podCIDRs: readonly string[]
  readonly taints: readonly Taint[]
  readonly deleting: boolean
}

/** A Service and all its slices. */
export interface ServiceView {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}
