// SPDX-License-Identifier: Apache-2.0
/** Service (v1) of the API: the fields that are used. */
import type { LoadBalancerIngress, Protocol, Service, ServicePort, TrafficPolicy } from '../../objects.ts'
import { alike, flag, integer, intOrString, items, mapping, oneOf, type Raw, shared, text, texts, time } from './raw.ts'

export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']
const TYPES: readonly Service['type'][] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']
const POLICIES: readonly TrafficPolicy[] = ['Cluster', 'Local']
/** Seconds; the API server's default for ClientIP affinity. */
const DEFAULT_AFFINITY_SECONDS = 10_800
/** Labels of other names decide nothing. */
const LABELS = 'service.kubernetes.io/'
/** The same for annotations, and those of tools are long. */
const ANNOTATIONS = 'evenkeel.io/'

export function readService(raw: Raw): Service {
  const metadata = mapping(raw, 'metadata', '')
  const spec = mapping(raw, 'spec', '')
  return {
    namespace: shared(text(metadata, 'namespace', 'metadata.')),
    name: text(metadata, 'name', 'metadata.'),
    uid: text(metadata, 'uid', 'metadata.'),
    labels: namedWith(LABELS, 'labels', metadata),
    annotations: namedWith(ANNOTATIONS, 'annotations', metadata),
    created: time(metadata, 'creationTimestamp', 'metadata.'),
    type: oneOf(spec, 'type', 'spec.', TYPES, 'ClusterIP'),
    ...addressesOf(spec, mapping(raw, 'status', '')),
    ...policiesOf(spec),
    ports: alike(items(spec, 'ports', 'spec.', servicePort)),
  }
}

/** One for all objects that have none. */
const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({})

/** The labels or annotations whose names begin so. */
export function namedWith(
  prefix: string,
  field: 'labels' | 'annotations',
  metadata: Raw,
): Readonly<Record<string, string>> {
  const all = mapping(metadata, field, 'metadata.')
  const names = Object.keys(all).filter(name => name.startsWith(prefix))
  if (names.length === 0) return NO_TEXTS
  return Object.fromEntries(names.map(name => [name, text(all, name, `metadata.${field}.`)]))
}

function addressesOf(spec: Raw, status: Raw) {
  const clusterIPs = texts(spec, 'clusterIPs', 'spec.')
  const clusterIP = text(spec, 'clusterIP', 'spec.')
  return {
    clusterIPs: clusterIPs.length > 0 || clusterIP === '' ? clusterIPs : [clusterIP],
    externalIPs: texts(spec, 'externalIPs', 'spec.'),
    loadBalancer: items(
      mapping(status, 'loadBalancer', 'status.'),
      'ingress',
      'status.loadBalancer.',
      readIngress,
    ).filter(({ ip }) => ip !== ''),
    loadBalancerSourceRanges: texts(spec, 'loadBalancerSourceRanges', 'spec.').map(range => range.trim()),
    allocateLoadBalancerNodePorts: flag(spec, 'allocateLoadBalancerNodePorts', 'spec.', true),
    healthCheckNodePort: integer(spec, 'healthCheckNodePort', 'spec.'),
  } satisfies Partial<Service>
}

/** Without an address when the load balancer has a host name only. */
function readIngress(raw: Raw, at: string): LoadBalancerIngress {
  return { ip: text(raw, 'ip', at), ipMode: oneOf(raw, 'ipMode', at, ['VIP', 'Proxy'], 'VIP') }
}

function policiesOf(spec: Raw) {
  return {
    internalTrafficPolicy: oneOf(spec, 'internalTrafficPolicy', 'spec.', POLICIES, 'Cluster'),
    externalTrafficPolicy: oneOf(spec, 'externalTrafficPolicy', 'spec.', POLICIES, 'Cluster'),
    trafficDistribution: text(spec, 'trafficDistribution', 'spec.'),
    affinitySeconds: affinitySeconds(spec),
  } satisfies Partial<Service>
}

function affinitySeconds(spec: Raw): number {
  if (oneOf(spec, 'sessionAffinity', 'spec.', ['None', 'ClientIP'], 'None') === 'None') return 0
  const at = 'spec.sessionAffinityConfig.'
  const clientIP = mapping(mapping(spec, 'sessionAffinityConfig', 'spec.'), 'clientIP', at)
  return integer(clientIP, 'timeoutSeconds', `${at}clientIP.`, DEFAULT_AFFINITY_SECONDS)
}

function servicePort(raw: Raw, at: string): ServicePort {
  const port = integer(raw, 'port', at)
  return {
    name: shared(text(raw, 'name', at)),
    protocol: oneOf(raw, 'protocol', at, PROTOCOLS, 'TCP'),
    port,
    nodePort: integer(raw, 'nodePort', at),
    targetPort: intOrString(raw, 'targetPort', at) || port,
  }
}
