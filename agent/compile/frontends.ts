// SPDX-License-Identifier: Apache-2.0
/** What clients dial to reach a Service port, in one family. */

import type { Family } from '../address.ts'
import type { Service, ServicePort, TrafficPolicy } from '../objects.ts'
import type { Frontend, PoolIndex } from './compiled.ts'
import type { Forwarding } from './forwarding.ts'
import type { Vips } from './vips.ts'

/** The address of nodePorts: any of the node. */
const ANY: Readonly<Record<Family, string>> = { IPv4: '0.0.0.0', IPv6: '::' }

const POOL_INDEX = {
  IPv4: { Cluster: 0, Local: 1 },
  IPv6: { Cluster: 2, Local: 3 },
} as const satisfies Record<Family, Record<TrafficPolicy, PoolIndex>>

export function poolOf(family: Family, policy: TrafficPolicy): PoolIndex {
  return POOL_INDEX[family][policy]
}

/**
 * No two alike. A clusterIP has one scope, which stands for both: its policy is the same for every client. The others have both,
 * because externalTrafficPolicy rules clients outside alone; one in the cluster is served as if it were Cluster.
 * `anywhere`: some endpoint could serve, be it on another node.
 */
export function frontendsOf(
  service: Service,
  port: ServicePort,
  vips: Vips,
  { anywhere, forwarding }: { readonly anywhere: boolean; readonly forwarding: Forwarding },
): readonly Frontend[] {
  const { internalTrafficPolicy, externalTrafficPolicy } = service
  const made: Frontend[] = []
  function add(kind: Frontend['kind'], address: string, scope: Frontend['scope'], policy: TrafficPolicy): void {
    const number = kind === 'nodePort' ? port.nodePort : port.port
    if (made.some(other => other.address === address && other.scope === scope && other.port === number)) return
    const onEmpty = policy === 'Local' && anywhere ? 'drop' : 'refuse'
    // Backends of a Local policy are on this node.
    const isDirect = forwarding === 'dsr' && scope === 'external' && policy === 'Cluster' && port.protocol !== 'SCTP'
    const pool = poolOf(vips.family, policy)
    made.push({ address, port: number, scope, kind, policy, pool, onEmpty, ...(isDirect && { forwarding }) })
  }
  function addExternal(kind: Frontend['kind'], address: string): void {
    add(kind, address, 'cluster', 'Cluster')
    add(kind, address, 'external', externalTrafficPolicy)
  }
  for (const address of vips.clusterIPs) add('clusterIP', address, 'cluster', internalTrafficPolicy)
  // Before external IPs: an address that is both is filtered by loadBalancerSourceRanges.
  for (const address of vips.loadBalancer) addExternal('loadBalancer', address)
  for (const address of vips.externalIPs) addExternal('externalIP', address)
  if (port.nodePort !== 0) addExternal('nodePort', ANY[vips.family])
  return made
}
