// SPDX-License-Identifier: Apache-2.0
/** EndpointSlice (discovery.k8s.io/v1). */
import { z } from 'zod'
import { packEndpoints } from '../../endpoints.ts'
import type { Endpoint, EndpointSlice } from '../../objects.ts'
import { canonicalAddress, familyOf, specialRange } from './address.ts'
import { dnsLabel, dnsSubdomain, metadata, oneOf, portNumber, protocol } from './fields.ts'
import { show } from './issue.ts'

const flag = z.boolean().nullish()
const hint = z.object({ name: z.string() })

const endpoint = z.object({
  addresses: z.array(z.string()).min(1, 'is empty: give one address at least'),
  conditions: z.object({ ready: flag, serving: flag, terminating: flag }).nullish(),
  nodeName: z.string().nullish(),
  zone: z.string().nullish(),
  hints: z.object({ forZones: z.array(hint).nullish(), forNodes: z.array(hint).nullish() }).nullish(),
})

const slicePort = z.object({
  name: z.string().nullish(),
  protocol: protocol.nullish(),
  port: portNumber.nullish(),
})

const SERVICE_NAME = 'kubernetes.io/service-name'

export const sliceSchema = z
  .object({
    metadata: metadata.extend({ name: dnsSubdomain }),
    addressType: oneOf<EndpointSlice['addressType']>(['IPv4', 'IPv6', 'FQDN']),
    ports: z.array(slicePort).nullish(),
    endpoints: z.array(endpoint).nullish(),
  })
  .superRefine((raw, context) => {
    const service = raw.metadata.labels?.[SERVICE_NAME]
    if (!dnsLabel.safeParse(service).success) {
      const message = `${service === undefined ? 'is missing' : `${show(service)} is no name`}: give the name of the Service that it belongs to`
      context.addIssue({ code: 'custom', message, path: ['metadata', 'labels', SERVICE_NAME] })
    }
    if (raw.addressType === 'FQDN') return
    for (const [i, { addresses }] of (raw.endpoints ?? []).entries()) {
      for (const [j, address] of addresses.entries()) {
        const message = wrongAddress(address, raw.addressType)
        if (message) context.addIssue({ code: 'custom', message, path: ['endpoints', i, 'addresses', j] })
      }
    }
  })

function wrongAddress(address: string, type: 'IPv4' | 'IPv6'): string | undefined {
  const canonical = canonicalAddress(address)
  if (canonical === undefined || familyOf(canonical) !== type) {
    return `${show(address)} is not an ${type} address, which addressType asks for`
  }
  const special = specialRange(canonical)
  return special && `${address} is ${special}, which nobody else can reach: give another`
}

type RawSlice = z.infer<typeof sliceSchema>

export function readSlice(raw: RawSlice, namespace: string): EndpointSlice {
  const named = (raw.addressType === 'FQDN' ? [] : (raw.endpoints ?? [])).map(readEndpoint)
  return {
    namespace,
    name: raw.metadata.name,
    service: `${namespace}/${raw.metadata.labels?.[SERVICE_NAME]}`,
    addressType: raw.addressType,
    ports: (raw.ports ?? []).map(({ name, protocol, port }) => ({
      name: name ?? '',
      protocol: protocol ?? 'TCP',
      port: port ?? null,
    })),
    endpoints: packEndpoints(named),
  }
}

function readEndpoint(raw: z.infer<typeof endpoint>): Endpoint {
  const { forZones, forNodes } = raw.hints ?? {}
  const [address = ''] = raw.addresses
  const state = {
    ready: raw.conditions?.ready ?? true,
    serving: raw.conditions?.serving ?? true,
    terminating: raw.conditions?.terminating ?? false,
    nodeName: raw.nodeName ?? '',
    zone: raw.zone ?? '',
    ...(forZones && forZones.length > 0 && { zoneHints: forZones.map(({ name }) => name) }),
    ...(forNodes && forNodes.length > 0 && { nodeHints: forNodes.map(({ name }) => name) }),
  }
  return { address: canonicalAddress(address) ?? address, state }
}
