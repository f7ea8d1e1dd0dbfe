// SPDX-License-Identifier: Apache-2.0
/** What a Service claims (addresses and ports that were given) and what it needs allocated. */
import type { Protocol, Service } from '../../objects.ts'
import { type Family, familyOf } from './address.ts'
import type { ServiceManifest } from './manifest.ts'
import type { Ranges } from './ranges.ts'

/** "clusterIP/IPv4", "nodePort/80/TCP", "healthCheckNodePort": the same across restarts. */
export type SlotName = string

/** One address or port of a Service. */
export interface Slot {
  readonly name: SlotName
  /** In the Service, for messages. */
  readonly field: string
  readonly pool: Family | 'nodePort'
  readonly protocol: Protocol
  /** Undefined: to be allocated. */
  readonly given: string | undefined
}

export interface Claims {
  readonly slots: readonly Slot[]
  /** A family that the Service insists on and that has no range. */
  readonly missing: Family | undefined
}

export const HEALTH_CHECK_SLOT: SlotName = 'healthCheckNodePort'

export function clusterIPSlot(family: Family): SlotName {
  return `clusterIP/${family}`
}

export function nodePortSlot({ port, protocol }: Service['ports'][number]): SlotName {
  return `nodePort/${port}/${protocol}`
}

export function claimsOf(manifest: ServiceManifest, ranges: Ranges): Claims {
  const { slots, missing } = clusterIPSlots(manifest, ranges)
  return { slots: [...slots, ...nodePortSlots(manifest.service), ...healthCheckSlots(manifest.service)], missing }
}

function clusterIPSlots(manifest: ServiceManifest, ranges: Ranges): Claims {
  const { service } = manifest
  if (service.type === 'ExternalName' || service.clusterIPs.includes('None')) return { slots: [], missing: undefined }
  const given = (family: Family) => service.clusterIPs.find(ip => familyOf(ip) === family)
  const wanted = wantedFamilies(manifest, ranges)
  const insists = manifest.ipFamilyPolicy !== 'PreferDualStack'
  const available = wanted.filter(family => given(family) !== undefined || ranges.clusterIP[family] !== undefined)
  const slots = available.map(
    (family, i): Slot => ({
      name: clusterIPSlot(family),
      field: service.clusterIPs.length > 1 ? `spec.clusterIPs[${i}]` : 'spec.clusterIP',
      pool: family,
      protocol: 'TCP',
      given: given(family),
    }),
  )
  const missing = insists || slots.length === 0 ? wanted.find(family => !available.includes(family)) : undefined
  return { slots, missing }
}

/** By ipFamilies and ipFamilyPolicy; with neither, one of the default family. */
function wantedFamilies(manifest: ServiceManifest, { families }: Ranges): readonly Family[] {
  const { service, ipFamilies, ipFamilyPolicy } = manifest
  const asked = [...new Set([...ipFamilies, ...service.clusterIPs.map(familyOf)])]
  const first = asked[0] ?? families[0] ?? 'IPv4'
  const dual = ipFamilyPolicy === undefined ? asked.length > 1 : ipFamilyPolicy !== 'SingleStack'
  return dual ? [first, first === 'IPv4' ? 'IPv6' : 'IPv4'] : [first]
}

function nodePortSlots(service: Service): readonly Slot[] {
  const external = service.type === 'NodePort' || service.type === 'LoadBalancer'
  if (!external) return []
  const automatic = service.type === 'NodePort' || service.allocateLoadBalancerNodePorts
  return service.ports.flatMap((port, i): readonly Slot[] => {
    if (port.nodePort === 0 && !automatic) return []
    const given = port.nodePort === 0 ? undefined : String(port.nodePort)
    const field = `spec.ports[${i}].nodePort`
    return [{ name: nodePortSlot(port), field, pool: 'nodePort', protocol: port.protocol, given }]
  })
}

function healthCheckSlots(service: Service): readonly Slot[] {
  if (service.type !== 'LoadBalancer' || service.externalTrafficPolicy !== 'Local') return []
  const given = service.healthCheckNodePort === 0 ? undefined : String(service.healthCheckNodePort)
  return [{ name: HEALTH_CHECK_SLOT, field: 'spec.healthCheckNodePort', pool: 'nodePort', protocol: 'TCP', given }]
}

/** The Service with what it was given and allocated; what it did not get, it does not have. */
export function withSlots(manifest: ServiceManifest, got: ReadonlyMap<SlotName, string>, ranges: Ranges): Service {
  const { service } = manifest
  const headless = service.clusterIPs.includes('None') || service.type === 'ExternalName'
  const addresses = wantedFamilies(manifest, ranges).flatMap(family => got.get(clusterIPSlot(family)) ?? [])
  return {
    ...service,
    clusterIPs: headless ? service.clusterIPs : addresses,
    ports: service.ports.map(port => ({ ...port, nodePort: Number(got.get(nodePortSlot(port)) ?? 0) })),
    healthCheckNodePort: Number(got.get(HEALTH_CHECK_SLOT) ?? 0),
  }
}
