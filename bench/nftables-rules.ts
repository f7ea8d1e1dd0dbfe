// SPDX-License-Identifier: Apache-2.0
/**
 * Rules of the shape that kube-proxy's nftables mode programs, for `nft -f`: a verdict map from address, protocol and port to the
 * Service port's chain, there a random number that maps to an endpoint's chain, and there the translation.
 *
 * One liberty: Services that are not tested go to their endpoint at once, without drawing a number of one. Each map to draw from is a set of
 * the table, and the kernel looks through all of them whenever another one comes: 10,000 took 45 s, so that 50,000 would take a quarter of
 * an hour (6.18). Their chains are never entered.
 */
import { CLUSTER_CIDR, hashOf, type ProxiedPort } from './proxied.ts'

const TABLE = 'ip kube-proxy'
const MARK = '0x4000'
/** In one command: nft holds each in memory. */
const ELEMENTS = 1_000

/** `addresses`: of the node, to which nodePorts belong. */
export function nftablesRules(ports: readonly ProxiedPort[], addresses: readonly string[]): string {
  const chains = ports.map(chainsOf)
  const lines = [
    ...['add', 'delete', 'add'].map(verb => `${verb} table ${TABLE}`),
    ...sets(addresses),
    ...SHARED_CHAINS.map(chain => `add chain ${TABLE} ${chain}`),
    ...chains.flatMap(({ names }) => names.map(name => `add chain ${TABLE} ${name}`)),
    ...SHARED_RULES.map(([chain, rule]) => `add rule ${TABLE} ${chain} ${rule}`),
    ...chains.flatMap(({ rules }) => rules.map(rule => `add rule ${TABLE} ${rule}`)),
    ...elements('cluster-ips', [...new Set(ports.map(({ clusterIP }) => clusterIP))]),
    ...elements(
      'service-ips',
      ports.map(
        ({ clusterIP, protocol, port }, i) => `${clusterIP} . ${protocol} . ${port} : goto ${chains[i]!.service}`,
      ),
    ),
    ...elements(
      'service-nodeports',
      chains.flatMap(({ nodePort }) => nodePort),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function sets(addresses: readonly string[]): string[] {
  const add = (kind: string, name: string, content: string) => `add ${kind} ${TABLE} ${name} { ${content} }`
  const frontend = 'ipv4_addr . inet_proto . inet_service'
  return [
    add('set', 'cluster-ips', 'type ipv4_addr ;'),
    add('set', 'nodeport-ips', 'type ipv4_addr ;'),
    add('map', 'no-endpoint-services', `type ${frontend} : verdict ;`),
    add('map', 'no-endpoint-nodeports', 'type inet_proto . inet_service : verdict ;'),
    add('map', 'firewall-ips', `type ${frontend} : verdict ;`),
    add('map', 'service-ips', `type ${frontend} : verdict ;`),
    add('map', 'service-nodeports', 'type inet_proto . inet_service : verdict ;'),
    ...elements('nodeport-ips', addresses),
  ]
}

function hook(type: string, name: string, priority: string): string {
  return `{ type ${type} hook ${name} priority ${priority} ; }`
}

const SHARED_CHAINS: readonly string[] = [
  'cluster-ips-check',
  'firewall-check',
  'mark-for-masquerade',
  'masquerading',
  'nodeport-endpoints-check',
  'service-endpoints-check',
  'services',
  `filter-prerouting-pre-dnat ${hook('filter', 'prerouting', '-110')}`,
  `filter-output-pre-dnat ${hook('filter', 'output', '-110')}`,
  `filter-input ${hook('filter', 'input', '-110')}`,
  `filter-forward ${hook('filter', 'forward', '-110')}`,
  `filter-output ${hook('filter', 'output', '-90')}`,
  `nat-prerouting ${hook('nat', 'prerouting', 'dstnat')}`,
  `nat-output ${hook('nat', 'output', '-100')}`,
  `nat-postrouting ${hook('nat', 'postrouting', 'srcnat')}`,
]

const FRONTEND = 'ip daddr . meta l4proto . th dport vmap'
const SHARED_RULES: readonly (readonly [chain: string, rule: string])[] = [
  ['cluster-ips-check', 'ip daddr @cluster-ips reject'],
  ['firewall-check', `${FRONTEND} @firewall-ips`],
  ['service-endpoints-check', `${FRONTEND} @no-endpoint-services`],
  ['nodeport-endpoints-check', 'ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports'],
  ['mark-for-masquerade', `mark set mark or ${MARK}`],
  ['masquerading', `mark and ${MARK} == 0 return`],
  ['masquerading', `mark set mark xor ${MARK}`],
  ['masquerading', 'masquerade fully-random'],
  ['services', `${FRONTEND} @service-ips`],
  ['services', 'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports'],
  ['filter-prerouting-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-output-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-input', 'ct state new jump nodeport-endpoints-check'],
  ['filter-input', 'ct state new jump service-endpoints-check'],
  ['filter-forward', 'ct state new jump service-endpoints-check'],
  ['filter-forward', 'ct state new jump cluster-ips-check'],
  ['filter-output', 'ct state new jump service-endpoints-check'],
  ['filter-output', 'ct state new jump cluster-ips-check'],
  ['nat-prerouting', 'jump services'],
  ['nat-output', 'jump services'],
  ['nat-postrouting', 'jump masquerading'],
]

interface Chains {
  readonly service: string
  readonly names: readonly string[]
  readonly rules: readonly string[]
  readonly nodePort: readonly string[]
}

function chainsOf({ name, isTested, clusterIP, protocol, port, nodePort, endpoints }: ProxiedPort): Chains {
  const hash = hashOf(name, protocol)
  const readable = `${name.replace(':', `/${protocol}/`)}`
  const [service, external] = [`service-${hash}-${readable}`, `external-${hash}-${readable}`]
  const ends = endpoints.map(({ address, port: to }) => ({
    chain: `endpoint-${hashOf(name, protocol, address, to)}-${readable}__${address}/${to}`,
    rules: [`ip saddr ${address} jump mark-for-masquerade`, `meta l4proto ${protocol} dnat to ${address}:${to}`],
  }))
  const choices = ends.map(({ chain }, i) => `${i} : goto ${chain}`).join(' , ')
  const choice = isTested ? `numgen random mod ${ends.length} vmap { ${choices} }` : `goto ${ends[0]!.chain}`
  return {
    service,
    names: [service, ...(nodePort ? [external] : []), ...ends.map(({ chain }) => chain)],
    rules: [
      `${service} ip daddr ${clusterIP} ${protocol} dport ${port} ip saddr != ${CLUSTER_CIDR} jump mark-for-masquerade`,
      `${service} ${choice}`,
      ...(nodePort ? [`${external} jump mark-for-masquerade`, `${external} goto ${service}`] : []),
      ...ends.flatMap(({ chain, rules }) => rules.map(rule => `${chain} ${rule}`)),
    ],
    nodePort: nodePort ? [`${protocol} . ${nodePort} : goto ${external}`] : [],
  }
}

function elements(set: string, all: readonly string[]): string[] {
  const pieces = Array.from({ length: Math.ceil(all.length / ELEMENTS) }, (_, i) =>
    all.slice(i * ELEMENTS, (i + 1) * ELEMENTS),
  )
  return pieces.map(piece => `add element ${TABLE} ${set} { ${piece.join(' , ')} }`)
}
