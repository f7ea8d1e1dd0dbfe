// SPDX-License-Identifier: Apache-2.0
/** Endpoints (v1), for people's old manifests: turned into slices, as the EndpointSlice mirroring controller does. */
import { z } from 'zod'
import { packEndpoints } from '../../endpoints.ts'
import type { Endpoint, EndpointSlice } from '../../objects.ts'
import { type Family, familyOf } from './address.ts'
import { dnsSubdomain, metadata, portNumber, protocol, reachableAddress } from './fields.ts'
import type { Mirror } from './manifest.ts'

const address = z.object({ ip: reachableAddress, nodeName: z.string().nullish() })

const subset = z.object({
  addresses: z.array(address).nullish(),
  notReadyAddresses: z.array(address).nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), protocol: protocol.nullish(), port: portNumber })).nullish(),
})

export const endpointsSchema = z.object({
  metadata: metadata.extend({ name: dnsSubdomain }),
  subsets: z.array(subset).nullish(),
})

type RawSubset = z.infer<typeof subset>
type RawAddress = z.infer<typeof address>

/** A slice for each subset and family that it has addresses of. */
export function readEndpoints(raw: z.infer<typeof endpointsSchema>, namespace: string): Mirror {
  const { name } = raw.metadata
  const slices = (raw.subsets ?? []).flatMap((part, i) =>
    (['IPv4', 'IPv6'] as const).map(
      (family): EndpointSlice => ({
        namespace,
        name: `${name}-${family.toLowerCase()}-${i}`,
        service: `${namespace}/${name}`,
        addressType: family,
        ports: (part.ports ?? []).map(({ name, protocol, port }) => ({
          name: name ?? '',
          protocol: protocol ?? 'TCP',
          port,
        })),
        endpoints: packEndpoints(endpointsOf(part, family)),
      }),
    ),
  )
  return { slices: slices.filter(({ endpoints }) => endpoints.states.length > 0) }
}

function endpointsOf(part: RawSubset, family: Family): readonly Endpoint[] {
  const of = (addresses: readonly RawAddress[] | null | undefined, ready: boolean) =>
    (addresses ?? []).filter(({ ip }) => familyOf(ip) === family).map(address => endpoint(address, ready))
  return [...of(part.addresses, true), ...of(part.notReadyAddresses, false)]
}

function endpoint({ ip, nodeName }: RawAddress, ready: boolean): Endpoint {
  const state = { ready, serving: ready, terminating: false, nodeName: nodeName ?? '', zone: '' }
  return { address: ip, state }
}
