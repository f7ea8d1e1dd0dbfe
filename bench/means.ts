// SPDX-License-Identifier: Apache-2.0
/** What makes Services work in a lab: Evenkeel on one of its paths, or the rules of a kube-proxy. */
import { existsSync } from 'node:fs'
import type { ExecResult } from '../lab/command.ts'
import type { Lab } from '../lab/lab.ts'
import { iptablesRules } from './iptables-rules.ts'
import { writeServices } from './many-services.ts'
import { nftablesRules } from './nftables-rules.ts'
import { type ProxiedPort, proxiedPorts } from './proxied.ts'

export interface Means {
  readonly name: string
  /** Of the agents; without it the lab has none. */
  readonly config?: object
  /** The backend's own address is dialled. */
  readonly isDirect?: boolean
  /** Of Evenkeel's targets, those that it has to meet. */
  readonly path?: 'socket' | 'packet'
  /** Whether its uplink must have a native XDP program. */
  readonly xdp?: boolean
  /** Services, when it would take too long with more. */
  readonly most?: number
  /** Makes so many Services work beside those that are tested, in the place of those that were there before. */
  readonly serve: (lab: Lab, many: number, tested: readonly ProxiedPort[]) => Promise<void>
  /** Where something of it runs on: not after this. Rules stay. */
  readonly end?: () => Promise<void>
}

/** Where rules are: clients meet no other node's. */
export const NODE = 'node1'
const LOAD_MS = 300_000

/** Nothing but the kernel. */
export function direct(name: string): Means {
  return { name, isDirect: true, serve: async () => {} }
}

/** The agents write the maps and end, so that nothing runs that others don't have, too. */
export function evenkeel(name: string, config: object, more: Pick<Means, 'path' | 'xdp'>): Means {
  return {
    ...{ name, config, ...more },
    async serve(lab, many) {
      writeServices(lab.manifests, many)
      const nodes = lab.plan.nodes.map(({ name }) => name)
      await Promise.all(nodes.map(node => lab.startAgent(node)))
      await Promise.all(nodes.map(node => lab.stopAgent(node)))
    },
  }
}

export function nftables(name: string): Means {
  return rules(name, ['nft', '-f', '-'], (ports, lab) => {
    const { addresses } = lab.plan.nodes.find(({ name }) => name === NODE)!
    return nftablesRules(ports, [addresses.v4])
  })
}

/** Over xtables, as they were, or over nf_tables, as distributions have it. */
export function iptables(name: string, kind: 'legacy' | 'nft'): Means {
  return rules(name, [`iptables-${kind}-restore`], iptablesRules)
}

function rules(
  name: string,
  argv: readonly string[],
  write: (ports: readonly ProxiedPort[], lab: Lab) => string,
): Means {
  return {
    name,
    async serve(lab, many, tested) {
      const input = write(proxiedPorts(many, tested), lab)
      check(argv, await lab.exec(NODE, argv, { input, timeout: LOAD_MS }))
    },
  }
}

function check(argv: readonly string[], { code, stderr, timedOut }: ExecResult): void {
  if (timedOut) throw new Error(`${argv.join(' ')} took more than ${LOAD_MS / 1_000} s`)
  if (code !== 0) throw new Error(`${argv.join(' ')}: code ${code}: ${stderr.trim().slice(0, 500)}`)
}

/** Kernels of late may lack what iptables-legacy speaks to (CONFIG_IP_NF_IPTABLES_LEGACY). */
export function hasLegacyIptables(): boolean {
  return existsSync('/proc/net/ip_tables_names')
}
