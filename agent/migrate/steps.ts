// SPDX-License-Identifier: Apache-2.0
/** What was removed, as it is kept in a file: enough to put it back. */
import { z } from 'zod'

const iptables = z.strictObject({
  kind: z.literal('iptables'),
  /** "iptables-nft", "ip6tables-legacy" */
  tool: z.enum(['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft']),
  table: z.string(),
  chains: z.array(z.string()),
  rules: z.array(z.string()),
  jumps: z.array(z.strictObject({ chain: z.string(), position: z.number().int().min(1), text: z.string() })),
})
const nftables = z.strictObject({
  kind: z.literal('nftables'),
  family: z.enum(['ip', 'ip6']),
  /** As `nft list table` prints it. */
  text: z.string(),
})
const ipvs = z.strictObject({ kind: z.literal('ipvs'), /** As `ipvsadm -S -n` prints them. */ text: z.string() })
const device = z.strictObject({
  kind: z.literal('device'),
  name: z.string(),
  type: z.string(),
  /** With the length of their prefix. */
  addresses: z.array(z.string()),
})
const ipset = z.strictObject({ kind: z.literal('ipset'), name: z.string(), /** Of `ipset save`. */ text: z.string() })

export const stepSchema = z.discriminatedUnion('kind', [iptables, nftables, ipvs, device, ipset])

export type Step = Readonly<z.infer<typeof stepSchema>>
export type StepOf<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>

/** Something that kube-proxy left. */
export interface Leftover {
  readonly kind: Step['kind']
  /** "iptables-nft, table nat" */
  readonly where: string
  /** "12 chains, 3 jumps" */
  readonly what: string
  /** What is to stay, and why. */
  readonly kept: readonly string[]
  /** "10.96.0.1:443/TCP": what it serves. */
  readonly frontends: readonly string[]
  /** Undefined when nothing of it may go. */
  readonly step?: Step
  /** Takes it away. Throws MigrateError. */
  readonly remove: () => void
}
