// SPDX-License-Identifier: Apache-2.0
/** kube-proxy's chains in iptables: both families, and both of the places where rules can be (legacy, nf_tables). */
import { readFileSync } from 'node:fs'
import { frontendsOf, KEEPER, type ProxyRules, proxyRules, removalText } from './chains.ts'
import { parseSave, type Table } from './rules.ts'
import type { Leftover, StepOf } from './steps.ts'
import { hasTool, runTool } from './tool.ts'

type Tool = StepOf<'iptables'>['tool']

const TOOLS: readonly Tool[] = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft']
/** Legacy tables that are in use in this network namespace. To ask iptables-legacy would make them. */
const LEGACY_TABLES = {
  'iptables-legacy': '/proc/net/ip_tables_names',
  'ip6tables-legacy': '/proc/net/ip6_tables_names',
}
/** Waits for whoever else is writing legacy tables (/run/xtables.lock). */
const WAIT = ['-w', '30']

/** Throws MigrateError. */
export function iptablesLeftovers(): Leftover[] {
  return TOOLS.filter(isInUse).flatMap(tool =>
    tablesOf(tool).flatMap(table => {
      const found = proxyRules(table)
      return found === undefined ? [] : [leftover(tool, found)]
    }),
  )
}

function isInUse(tool: Tool): boolean {
  if (tool === 'iptables-legacy' || tool === 'ip6tables-legacy') return read(LEGACY_TABLES[tool]) !== ''
  // Without nft's own tool there may still be rules, but then something else has to bring it.
  return hasTool(tool)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

function tablesOf(tool: Tool): Table[] {
  return parseSave(runTool([`${tool}-save`]))
}

function leftover(tool: Tool, found: ProxyRules): Leftover {
  const { table, chains, rules, jumps, kept } = found
  const step: StepOf<'iptables'> = {
    kind: 'iptables',
    tool,
    table,
    chains: [...chains],
    rules: rules.map(({ text }) => text),
    jumps: jumps.map(({ chain, position, text }) => ({ chain, position, text })),
  }
  return {
    kind: 'iptables',
    where: `${tool}, table ${table}`,
    what: `${chains.length} chains, ${rules.length} rules, ${jumps.length} jumps`,
    kept: kept.map(({ chain, by }) => `${chain}, which is not only kube-proxy's: ${by}`),
    frontends: [...frontendsOf(found)],
    ...(chains.length > 0 && { step }),
    remove: () => void runTool([`${tool}-restore`, '--noflush', ...WAIT], removalText(found)),
  }
}

/** False when kube-proxy has chains there already: it has come back by itself, and knows better. */
export function restoreChains({ tool, table, chains, rules, jumps }: StepOf<'iptables'>): boolean {
  const live = tablesOf(tool).find(({ name }) => name === table)
  if (live && chains.some(chain => live.chains.has(chain))) return false
  const lengths = new Map<string, number>()
  for (const { chain } of live?.rules ?? []) lengths.set(chain, (lengths.get(chain) ?? 0) + 1)
  const inserts = jumps.map(({ chain, position, text }) => {
    const length = lengths.get(chain) ?? 0
    lengths.set(chain, length + 1)
    return text.replace(/^-A (\S+)/, `-I $1 ${Math.min(position, length + 1)}`)
  })
  const keeper = live?.chains.has(KEEPER) ? [`-F ${KEEPER}`, `-X ${KEEPER}`] : []
  const declared = chains.map(chain => `:${chain} - [0:0]`)
  const lines = [`*${table}`, ...declared, ...rules, ...inserts, ...keeper, 'COMMIT\n']
  runTool([`${tool}-restore`, '--noflush', ...WAIT], lines.join('\n'))
  return true
}

/** "IPv4" for each family whose chain FORWARD drops what nobody accepts: kube-proxy's KUBE-FORWARD had done so for Services. */
export function familiesThatDropForwarded(): string[] {
  const dropping = TOOLS.filter(isInUse).filter(tool =>
    tablesOf(tool).some(({ name, chains }) => name === 'filter' && chains.get('FORWARD') === 'DROP'),
  )
  return [...new Set(dropping.map(tool => (tool.startsWith('ip6') ? 'IPv6' : 'IPv4')))]
}
