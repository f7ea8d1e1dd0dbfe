// SPDX-License-Identifier: Apache-2.0
/**
 * Which chains and rules of iptables are kube-proxy's, in its iptables and ipvs modes, versions 1.20 to 1.36.
 *
 * Not kube-proxy's, and left: what the kubelet makes (KUBE-FIREWALL of table filter, KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT;
 * KUBE-MARK-DROP before 1.28: KEP-3178), kube-router's (KUBE-ROUTER-*, KUBE-NWPLCY-*, KUBE-POD-FW-*), and every rule of a CNI plugin.
 */
import { after, type Rule, type Table } from './rules.ts'

const CHAINS: Readonly<Record<string, readonly string[]>> = {
  nat: [
    ...['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', 'KUBE-PROXY-CANARY'],
    // Mode ipvs. Its KUBE-FIREWALL is here; the kubelet's is in table filter.
    ...['KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-FIREWALL'],
  ],
  filter: [
    ...['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'],
    ...['KUBE-PROXY-CANARY', 'KUBE-NODE-PORT', 'KUBE-SOURCE-RANGES-FIREWALL', 'KUBE-IPVS-FILTER'],
    'KUBE-IPVS-OUT-FILTER',
  ],
  mangle: ['KUBE-PROXY-CANARY'],
}

/** One for each Service port or endpoint, named by a hash in base 32. */
const HASHED = /^KUBE-(?:SVC|SVL|EXT|SEP|FW|XLB)-[A-Z2-7]{16}$/

function isProxyChain(table: string, chain: string): boolean {
  return (CHAINS[table] ?? []).includes(chain) || (table === 'nat' && HASHED.test(chain))
}

export interface ProxyRules {
  readonly table: string
  readonly chains: readonly string[]
  /** The rules of these chains, as they were printed. */
  readonly rules: readonly Rule[]
  /** Rules of built-in chains that lead into them. */
  readonly jumps: readonly Rule[]
  /** Chains of kube-proxy that must stay, with the foreign rule that leads to each. */
  readonly kept: readonly { readonly chain: string; readonly by: string }[]
}

/** What of a table is kube-proxy's and may go; undefined when there is nothing. */
export function proxyRules({ name, chains, rules }: Table): ProxyRules | undefined {
  const candidates = new Set([...chains.keys()].filter(chain => isProxyChain(name, chain)))
  const entries = rules.filter(rule => candidates.has(rule.target) && !candidates.has(rule.chain))
  const foreign = entries.filter(rule => !isProxyJump(chains, rule))
  const kept = keptChains(foreign, candidates, rules)
  const gone = [...candidates].filter(chain => !kept.has(chain))
  if (gone.length === 0 && kept.size === 0) return undefined
  return {
    table: name,
    chains: gone,
    rules: rules.filter(rule => gone.includes(rule.chain)),
    jumps: entries.filter(rule => isProxyJump(chains, rule) && !kept.has(rule.target)),
    kept: [...kept].map(([chain, by]) => ({ chain, by })),
  }
}

/** kube-proxy's own begin in a built-in chain, and their comment with "kubernetes". */
function isProxyJump(chains: Table['chains'], { chain, comment }: Rule): boolean {
  return chains.get(chain) !== '-' && comment.startsWith('kubernetes ')
}

/** hostPort rules of a CNI plugin may use KUBE-MARK-MASQ, whose mark KUBE-POSTROUTING acts on. */
const BELONG_TOGETHER: Readonly<Record<string, string>> = { 'KUBE-MARK-MASQ': 'KUBE-POSTROUTING' }

/** Chains that foreign rules need, by what leads there. */
function keptChains(foreign: readonly Rule[], candidates: ReadonlySet<string>, rules: readonly Rule[]) {
  const kept = new Map<string, string>()
  const keep = (chain: string | undefined, by: string) => {
    if (chain === undefined || !candidates.has(chain) || kept.has(chain)) return
    kept.set(chain, by)
    keep(BELONG_TOGETHER[chain], by)
    for (const rule of rules) if (rule.chain === chain) keep(rule.target, by)
  }
  for (const { target, text } of foreign) keep(target, text)
  return kept
}

/**
 * In table nat this takes the place of what goes: connections that were translated go on only while some rule has them tracked, as the
 * kernel takes its connection tracking out of a network namespace with the last such rule of a family (nf_ct_netns_put). Nothing leads
 * into it. A CNI plugin has such rules as a rule; this one is for where it has not.
 */
export const KEEPER = 'EVENKEEL-MIGRATE'

/** Input of iptables-restore --noflush: all of a table at once. A chain that is named is emptied. */
export function removalText({ table, chains, jumps }: ProxyRules): string {
  const keeper = table === 'nat' && chains.length > 0
  return [
    `*${table}`,
    ...[...chains, ...(keeper ? [KEEPER] : [])].map(chain => `:${chain} - [0:0]`),
    ...(keeper ? [`-A ${KEEPER} -m conntrack --ctstate ESTABLISHED -j RETURN`] : []),
    ...jumps.map(({ text }) => text.replace(/^-A/, '-D')),
    ...chains.map(chain => `-X ${chain}`),
    'COMMIT\n',
  ].join('\n')
}

/** "10.96.0.1:443/TCP": what these rules serve at addresses of their own. Ports of nodes have no address here. */
export function* frontendsOf({ table, rules }: ProxyRules): Generator<string> {
  for (const { chain, words, target } of rules) {
    const [address, protocol, port] = ['-d', '-p', '--dport'].map(option => after(words, option))
    if (table !== 'nat' || chain !== 'KUBE-SERVICES' || !address || !port || target === 'KUBE-MARK-MASQ') continue
    const plain = address.replace(/\/(?:32|128)$/, '')
    yield `${plain.includes(':') ? `[${plain}]` : plain}:${port}/${(protocol ?? 'tcp').toUpperCase()}`
  }
}
