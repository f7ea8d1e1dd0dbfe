// SPDX-License-Identifier: Apache-2.0
/**
 * What compile/ makes of a Service: backends, pools and frontends, still without ids. reconcile/ gives them ids and writes them.
 */
import type { Address } from '../address.ts'
import type { Protocol, ServiceKey, TrafficPolicy } from '../objects.ts'

/** "namespace/name:port/PROTO" ("namespace/name/PROTO" for an unnamed port): the identity of a Service port across restarts. */
export type ServicePortName = string

/**
 * Which endpoints serve. A Service port has at most these four pools; the index is the bit in ek_backend.pools.
 * Cluster pools follow topology hints; Local pools hold this node's endpoints.
 */
export const POOLS = ['cluster4', 'local4', 'cluster6', 'local6'] as const
export type PoolIndex = 0 | 1 | 2 | 3

export interface Backend {
  /** Canonical text (RFC 5952 for IPv6). */
  readonly address: string
  /** The same, read. Where it is left out, it is read again. */
  readonly parsed?: Address | undefined
  readonly port: number
  /** Bit p: a member of pool p. 0: draining, it gets no new flows. */
  readonly pools: number
  /** On this node. */
  readonly local: boolean
}

export interface Frontend {
  /** Canonical text; "0.0.0.0" and "::" for nodePorts. */
  readonly address: string
  readonly port: number
  /** A clusterIP has "cluster" alone, which stands for both; the others have one frontend for each. */
  readonly scope: 'cluster' | 'external'
  readonly kind: 'clusterIP' | 'externalIP' | 'loadBalancer' | 'nodePort'
  /** The one that applies in this scope: always Cluster for an external frontend dialled from inside. */
  readonly policy: TrafficPolicy
  readonly pool: PoolIndex
  /** What happens when the pool is empty. */
  readonly onEmpty: 'refuse' | 'drop'
  /** Backends of other nodes answer the client directly; undefined: through this node. */
  readonly forwarding?: 'dsr'
}

/** Canonical text of an address, and bits. */
export interface SourceRange {
  readonly address: string
  readonly prefix: number
}

export interface CompiledPort {
  readonly name: ServicePortName
  /** Name of the port alone. */
  readonly port: string
  readonly protocol: Protocol
  readonly affinitySeconds: number
  /** Whom a load balancer's addresses serve; undefined: everybody. */
  readonly sourceRanges?: readonly SourceRange[] | undefined
  /** All endpoints: IPv4 before IPv6, each by address bytes, then port; no two alike. */
  readonly backends: readonly Backend[]
  readonly frontends: readonly Frontend[]
}

export interface CompiledService {
  readonly key: ServiceKey
  /** Milliseconds since the epoch; an older Service keeps a frontend that two claim. */
  readonly created: number
  readonly ports: readonly CompiledPort[]
  /** About this Service; each names the object and the field. */
  readonly warnings: readonly string[]
}
