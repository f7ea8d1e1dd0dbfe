// SPDX-License-Identifier: Apache-2.0
/** Node (v1): zone, addresses, taints. */
import { z } from 'zod'
import type { Node } from '../../objects.ts'
import { canonicalAddress } from './address.ts'
import { cidr, dnsSubdomain, metadata } from './fields.ts'
import { show } from './issue.ts'

const TYPES = ['InternalIP', 'ExternalIP']

const address = z.object({ type: z.string(), address: z.string() }).superRefine(({ type, address }, context) => {
  if (!isIP(type) || canonicalAddress(address) !== undefined) return
  context.addIssue({
    code: 'custom',
    message: `${show(address)} is not an IP address, which ${type} asks for`,
    path: ['address'],
  })
})

export const nodeSchema = z.object({
  metadata: metadata.extend({ name: dnsSubdomain }),
  spec: z
    .object({
      podCIDR: z.union([z.literal(''), cidr]).nullish(),
      podCIDRs: z.array(cidr).nullish(),
      taints: z.array(z.object({ key: z.string(), effect: z.string() })).nullish(),
    })
    .nullish(),
  status: z.object({ addresses: z.array(address).nullish() }).nullish(),
})

export function readNode(raw: z.infer<typeof nodeSchema>): Node {
  const { metadata, spec, status } = raw
  const labels = metadata.labels ?? {}
  return {
    name: metadata.name,
    labels,
    zone: labels['topology.kubernetes.io/zone'] ?? '',
    addresses: TYPES.flatMap(wanted =>
      (status?.addresses ?? []).flatMap(({ type, address }) =>
        type === wanted ? [canonicalAddress(address) ?? address] : [],
      ),
    ),
    podCIDRs: spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []),
    taints: spec?.taints ?? [],
    deleting: metadata.deletionTimestamp != null,
  }
}

function isIP(type: string): boolean {
  return TYPES.includes(type)
}
