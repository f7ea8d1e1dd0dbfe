// SPDX-License-Identifier: Apache-2.0
/** kube-proxy's nftables mode: a table of its own in each family. */
import type { Leftover, StepOf } from './steps.ts'
import { hasTool, runTool } from './tool.ts'

type Family = StepOf<'nftables'>['family']

const FAMILIES: readonly Family[] = ['ip', 'ip6']
const TABLE = 'kube-proxy'
/**
 * Connections that kube-proxy has translated go on only while some chain of type nat is in the family: without any the kernel stops
 * translating, established ones too (nf_nat_unregister_fn of net/netfilter/nf_nat_core.c). A CNI plugin has one as a rule; this
 * empty one is for where it has not. `ct state` keeps connections tracked.
 */
const KEEPER = 'evenkeel-migrate'

interface Listing {
  readonly nftables: readonly Readonly<Record<string, unknown>>[]
}

/** Throws MigrateError. */
export function nftablesLeftovers(): Leftover[] {
  if (!hasTool('nft')) return []
  return tables(TABLE).map(leftover)
}

function tables(name: string): Family[] {
  const { nftables }: Listing = JSON.parse(runTool(['nft', '-j', 'list', 'tables']))
  const found = nftables.map(({ table }) => table as { family: string; name: string } | undefined)
  return FAMILIES.filter(family => found.some(table => table?.family === family && table.name === name))
}

function leftover(family: Family): Leftover {
  const text = runTool(['nft', '-s', 'list', 'table', family, TABLE])
  const count = (kind: string) => text.match(new RegExp(`^\\t${kind} `, 'gm'))?.length ?? 0
  return {
    kind: 'nftables',
    where: `nft, table ${family} ${TABLE}`,
    what: `${count('chain')} chains, ${count('map')} maps, ${count('set')} sets`,
    kept: [],
    frontends: frontends(family, text),
    step: { kind: 'nftables', family, text },
    remove: () => void runTool(['nft', '-f', '-'], `${keeper(family)}delete table ${family} ${TABLE}\n`),
  }
}

function keeper(family: Family): string {
  return (
    `table ${family} ${KEEPER} {\n` +
    'chain translated { type nat hook postrouting priority 300; }\n' +
    'chain tracked { type filter hook postrouting priority 300; ct state established accept; }\n}\n'
  )
}

/** service-ips: address . protocol . port : verdict */
function frontends(family: Family, text: string): string[] {
  if (!/^\tmap service-ips /m.test(text)) return []
  const { nftables }: Listing = JSON.parse(runTool(['nft', '-j', 'list', 'map', family, TABLE, 'service-ips']))
  const map = nftables.find(({ map }) => map !== undefined)?.map as { elem?: readonly (readonly unknown[])[] }
  return (map.elem ?? []).flatMap(([key]) => {
    const { concat } = key as { concat?: readonly [string, string, number] }
    if (concat === undefined) return []
    const [address, protocol, port] = concat
    return [`${family === 'ip6' ? `[${address}]` : address}:${port}/${protocol.toUpperCase()}`]
  })
}

/** False when the table is there again. */
export function restoreTable({ family, text }: StepOf<'nftables'>): boolean {
  if (tables(TABLE).includes(family)) return false
  const without = tables(KEEPER).includes(family) ? `delete table ${family} ${KEEPER}\n` : ''
  runTool(['nft', '-f', '-'], `${text}\n${without}`)
  return true
}
