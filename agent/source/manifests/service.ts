// SPDX-License-Identifier: Apache-2.0
/** Service (v1): its fields as they may be written, and what they mean with the API server's defaults filled in. */
import { z } from 'zod'
import type { Service, ServicePort, TrafficPolicy } from '../../objects.ts'
import type { Family } from './address.ts'
import {
  cidr,
  dnsLabel,
  integer,
  ipAddress,
  metadata,
  oneOf,
  portNumber,
  portOrName,
  protocol,
  reachableAddress,
  stringMap,
  timeOf,
} from './fields.ts'
import type { FamilyPolicy, ServiceManifest } from './manifest.ts'
import { checkService, givenClusterIPs } from './service-rules.ts'

/** Seconds; the API server's default for ClientIP affinity. */
const DEFAULT_AFFINITY_SECONDS = 10800
const MAX_AFFINITY_SECONDS = 86400

const port = z.object({
  name: z.union([z.literal(''), dnsLabel]).nullish(),
  protocol: protocol.nullish(),
  port: portNumber,
  /** 0 stands for none, as in the API. */
  nodePort: integer(0, 65535, 'a port: a number from 1 to 65535').nullish(),
  targetPort: z.union([z.literal(0), z.literal(''), portOrName]).nullish(),
})

const clusterIP = z.union([z.literal('None'), z.literal(''), ipAddress])
const policy = oneOf<TrafficPolicy>(['Cluster', 'Local'])

const spec = z.object({
  type: oneOf<Service['type']>(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).nullish(),
  selector: stringMap,
  clusterIP: clusterIP.nullish(),
  clusterIPs: z.array(clusterIP).nullish(),
  ipFamilies: z.array(oneOf<Family>(['IPv4', 'IPv6'])).nullish(),
  ipFamilyPolicy: oneOf<FamilyPolicy>(['SingleStack', 'PreferDualStack', 'RequireDualStack']).nullish(),
  ports: z.array(port).nullish(),
  externalIPs: z.array(reachableAddress).nullish(),
  loadBalancerSourceRanges: z.array(cidr).nullish(),
  allocateLoadBalancerNodePorts: z.boolean().nullish(),
  healthCheckNodePort: integer(0, 65535, 'a port: a number from 1 to 65535').nullish(),
  internalTrafficPolicy: policy.nullish(),
  externalTrafficPolicy: z.union([z.literal(''), policy]).nullish(),
  trafficDistribution: oneOf(['PreferClose', 'PreferSameZone', 'PreferSameNode']).nullish(),
  publishNotReadyAddresses: z.boolean().nullish(),
  sessionAffinity: oneOf(['None', 'ClientIP']).nullish(),
  sessionAffinityConfig: z
    .object({
      clientIP: z
        .object({
          timeoutSeconds: integer(
            1,
            MAX_AFFINITY_SECONDS,
            `a time in seconds from 1 to ${MAX_AFFINITY_SECONDS}`,
          ).nullish(),
        })
        .nullish(),
    })
    .nullish(),
})

const ingress = z.object({ ip: ipAddress.nullish(), ipMode: oneOf(['VIP', 'Proxy'] as const).nullish() })

export const serviceSchema = z
  .object({
    metadata: metadata.extend({ name: dnsLabel }),
    spec,
    status: z.object({ loadBalancer: z.object({ ingress: z.array(ingress).nullish() }).nullish() }).nullish(),
  })
  .superRefine((raw, context) => {
    for (const issue of checkService(raw)) context.addIssue({ code: 'custom', ...issue, path: [...issue.path] })
  })

export type RawService = z.infer<typeof serviceSchema>
type RawSpec = RawService['spec']

export function readService(raw: RawService, namespace: string): ServiceManifest {
  const { spec, metadata } = raw
  const selector = Object.keys(spec.selector ?? {}).length > 0 ? (spec.selector ?? undefined) : undefined
  return {
    service: {
      namespace,
      name: metadata.name,
      uid: metadata.uid ?? '',
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
      created: timeOf(metadata.creationTimestamp),
      ...addressesOf(raw),
      ...policiesOf(spec),
      ports: (spec.ports ?? []).map(servicePort),
    },
    selector,
    publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
    ipFamilies: spec.ipFamilies ?? [],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? undefined,
  }
}

function addressesOf({ spec, status }: RawService) {
  return {
    type: spec.type ?? 'ClusterIP',
    clusterIPs: givenClusterIPs(spec),
    externalIPs: spec.externalIPs ?? [],
    loadBalancer: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
      ip == null ? [] : [{ ip, ipMode: ipMode ?? ('VIP' as const) }],
    ),
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges ?? [],
    allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true,
    healthCheckNodePort: spec.healthCheckNodePort ?? 0,
  } satisfies Partial<Service>
}

function policiesOf(spec: RawSpec) {
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS
  return {
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    externalTrafficPolicy: spec.externalTrafficPolicy || 'Cluster',
    trafficDistribution: spec.trafficDistribution ?? '',
    affinitySeconds: spec.sessionAffinity === 'ClientIP' ? timeout : 0,
  } satisfies Partial<Service>
}

function servicePort(raw: z.infer<typeof port>): ServicePort {
  return {
    name: raw.name ?? '',
    protocol: raw.protocol ?? 'TCP',
    port: raw.port,
    nodePort: raw.nodePort ?? 0,
    targetPort: raw.targetPort || raw.port,
  }
}
