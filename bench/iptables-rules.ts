// SPDX-License-Identifier: Apache-2.0
/**
 * Rules of the shape that kube-proxy's iptables mode programs, for iptables-restore: in KUBE-SERVICES one rule a Service port, tried one
 * after the other; a chain for each Service port, in which each endpoint is taken with a probability; a chain for each endpoint.
 */
import { CLUSTER_CIDR, hashOf, type ProxiedPort } from './proxied.ts'

/** The bit of a packet's mark that says "masquerade", as kube-proxy has it. */
const MARK = '0x4000'

export function iptablesRules(ports: readonly ProxiedPort[]): string {
  return `${[...filterTable(), ...natTable(ports)].join('\n')}\n`
}

/** Services without endpoints would have their rules here. */
function filterTable(): string[] {
  const fresh = '-m conntrack --ctstate NEW'
  return [
    '*filter',
    ...['INPUT', 'FORWARD', 'OUTPUT'].map(chain => `:${chain} ACCEPT [0:0]`),
    ...['EXTERNAL-SERVICES', 'FIREWALL', 'FORWARD', 'NODEPORTS', 'PROXY-FIREWALL', 'SERVICES'].map(emptyChain),
    `-A INPUT ${fresh} -j KUBE-PROXY-FIREWALL`,
    '-A INPUT -j KUBE-NODEPORTS',
    `-A INPUT ${fresh} -j KUBE-EXTERNAL-SERVICES`,
    '-A INPUT -j KUBE-FIREWALL',
    `-A FORWARD ${fresh} -j KUBE-PROXY-FIREWALL`,
    '-A FORWARD -j KUBE-FORWARD',
    `-A FORWARD ${fresh} -j KUBE-SERVICES`,
    `-A FORWARD ${fresh} -j KUBE-EXTERNAL-SERVICES`,
    `-A OUTPUT ${fresh} -j KUBE-PROXY-FIREWALL`,
    `-A OUTPUT ${fresh} -j KUBE-SERVICES`,
    '-A OUTPUT -j KUBE-FIREWALL',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    `-A KUBE-FORWARD -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
    '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
  ]
}

function natTable(ports: readonly ProxiedPort[]): string[] {
  const chains = ports.map(chainsOf)
  return [
    '*nat',
    ...['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map(chain => `:${chain} ACCEPT [0:0]`),
    ...['MARK-MASQ', 'NODEPORTS', 'POSTROUTING', 'SERVICES'].map(emptyChain),
    ...chains.flatMap(({ names }) => names.map(name => `:${name} - [0:0]`)),
    '-A PREROUTING -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-SERVICES',
    '-A POSTROUTING -j KUBE-POSTROUTING',
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${MARK}`,
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}`,
    '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
    ...chains.flatMap(({ entries }) => entries),
    '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ...chains.flatMap(({ rules }) => rules),
    'COMMIT',
  ]
}

function emptyChain(name: string): string {
  return `:KUBE-${name} - [0:0]`
}

interface Chains {
  readonly names: readonly string[]
  /** In chains that all Services share. */
  readonly entries: readonly string[]
  /** In its own. */
  readonly rules: readonly string[]
}

function chainsOf(port: ProxiedPort): Chains {
  const { name, clusterIP, protocol, nodePort, endpoints } = port
  const hash = hashOf(name, protocol)
  const [service, external] = [`KUBE-SVC-${hash}`, `KUBE-EXT-${hash}`]
  const dialled = `-d ${clusterIP}/32 -p ${protocol} -m ${protocol} --dport ${port.port}`
  const ends = endpoints.map(({ address, port: to }, i) => ({
    chain: `KUBE-SEP-${hashOf(name, protocol, address, to)}`,
    address,
    to: `${address}:${to}`,
    // Of those that are left, each alike: the last one takes what comes.
    chance: i === endpoints.length - 1 ? '' : ` -m statistic --mode random --probability ${1 / (endpoints.length - i)}`,
  }))
  const comment = `-m comment --comment "${name} cluster IP"`
  const fromOutside = `-p ${protocol} -m comment --comment ${name} -m ${protocol} --dport ${nodePort} -j ${external}`
  return {
    names: [service, ...(nodePort ? [external] : []), ...ends.map(({ chain }) => chain)],
    entries: [
      `-A KUBE-SERVICES ${comment} ${dialled} -j ${service}`,
      ...(nodePort ? [`-A KUBE-NODEPORTS ${fromOutside}`] : []),
    ],
    rules: [
      `-A ${service} ! -s ${CLUSTER_CIDR} ${comment} ${dialled} -j KUBE-MARK-MASQ`,
      ...ends.map(
        ({ chain, to, chance }) => `-A ${service} -m comment --comment "${name} -> ${to}"${chance} -j ${chain}`,
      ),
      ...(nodePort ? [`-A ${external} -j KUBE-MARK-MASQ`, `-A ${external} -j ${service}`] : []),
      ...ends.flatMap(({ chain, address, to }) => [
        `-A ${chain} -s ${address}/32 -m comment --comment ${name} -j KUBE-MARK-MASQ`,
        `-A ${chain} -p ${protocol} -m comment --comment ${name} -m ${protocol} -j DNAT --to-destination ${to}`,
      ]),
    ],
  }
}
