// SPDX-License-Identifier: Apache-2.0
/** All that kube-proxy left in this network namespace, and all that it takes to put it back. */
import { iptablesLeftovers, restoreChains } from './iptables.ts'
import { ipsetLeftovers, ipvsLeftovers, restoreDevice, restoreServers, restoreSet } from './ipvs.ts'
import { nftablesLeftovers, restoreTable } from './nftables.ts'
import type { Leftover, Step } from './steps.ts'

/** In the order in which they can go: sets after the rules that use them. Throws MigrateError. */
export function findLeftovers(): Leftover[] {
  return [...iptablesLeftovers(), ...nftablesLeftovers(), ...ipvsLeftovers(), ...ipsetLeftovers()]
}

/** Whether it had to: false when something of kube-proxy's is there again. Throws MigrateError. */
export function putBack(step: Step): boolean {
  switch (step.kind) {
    case 'iptables':
      return restoreChains(step)
    case 'nftables':
      return restoreTable(step)
    case 'ipvs':
      return restoreServers(step)
    case 'device':
      return restoreDevice(step)
    case 'ipset':
      return restoreSet(step)
  }
}

export function stepText(step: Step): string {
  if (step.kind === 'iptables') return `${step.tool}, table ${step.table}`
  if (step.kind === 'nftables') return `nft, table ${step.family} kube-proxy`
  return step.kind === 'ipvs' ? 'IPVS' : `${step.kind} ${step.name}`
}
