// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's picture of what is in the maps now. It changes only together with them. What the maps in memory say anyway, about
 * backends and slots, is not repeated here: there are very many of them.
 */
import type { ServicePortName } from '../compile/compiled.ts'
import type { Range } from '../kernel/layout.gen.ts'
import type { ServiceKey } from '../objects.ts'
import type { Run } from './arena.ts'
import type { RangeText } from './ranges.ts'

/** The bytes of a struct ek_frontend_key, a character each. */
export type FrontendText = string
/** The bytes of a struct ek_frontend, a character each. */
export type FrontendValueText = string

/** A pool's table in the arena. */
export interface LiveTable {
  readonly pool: number
  readonly run: Run
  /** Slots. */
  readonly size: number
  /** Backend ids, in the order of the run. */
  readonly ids: readonly number[]
  /** False for one that was found after a restart and has not been looked at yet. */
  readonly verified: boolean
}

export interface LivePort {
  readonly id: number
  readonly name: ServicePortName
  /** ClientIP time-out in seconds; 0: none. */
  readonly affinity: number
  /** Ids, in the order of compile; after a restart in their own. */
  readonly backends: readonly number[]
  /** One for each pool at most. */
  readonly tables: readonly LiveTable[]
  readonly frontends: readonly FrontendText[]
  /** Entries that stand for its addresses as such; unknown after a restart. */
  readonly addresses: readonly FrontendText[]
  /** loadBalancerSourceRanges. */
  readonly ranges: ReadonlyMap<RangeText, Range>
}

export interface Live {
  readonly ports: Map<ServicePortName, LivePort>
  readonly byService: Map<ServiceKey, readonly ServicePortName[]>
  /** Those of a protocol that no socket hook sees. */
  readonly sctp: Set<ServicePortName>
  readonly frontends: Map<FrontendText, FrontendValueText>
  /** How many Service ports make an address ours, by its entry. */
  readonly addresses: Map<FrontendText, number>
  /** Runs that a crash left behind: an old one and a new one for a pool. Freed after the first whole pass. */
  readonly strays: Run[]
}

export function emptyLive(): Live {
  return {
    ports: new Map(),
    byService: new Map(),
    sctp: new Set(),
    frontends: new Map(),
    addresses: new Map(),
    strays: [],
  }
}

/** "namespace/name" of "namespace/name:port/PROTO" and of "namespace/name/PROTO". */
export function serviceOf(name: ServicePortName): ServiceKey {
  const colon = name.indexOf(':')
  return colon >= 0 ? name.slice(0, colon) : name.slice(0, name.lastIndexOf('/'))
}

export function addPort(live: Live, port: LivePort): void {
  live.ports.set(port.name, port)
  if (port.name.endsWith('/SCTP')) live.sctp.add(port.name)
  const key = serviceOf(port.name)
  const names = live.byService.get(key) ?? []
  if (!names.includes(port.name)) live.byService.set(key, [...names, port.name])
}

export function removePort(live: Live, port: LivePort): void {
  live.ports.delete(port.name)
  live.sctp.delete(port.name)
  const key = serviceOf(port.name)
  const names = live.byService.get(key)?.filter(name => name !== port.name) ?? []
  if (names.length > 0) live.byService.set(key, names)
  else live.byService.delete(key)
}
