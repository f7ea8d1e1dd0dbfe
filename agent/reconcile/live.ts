// SPDX-License-Identifier: Apache-2.0
/** The agent's picture of what is in the maps now. It changes only together with them. */
import type { ServicePortName } from '../compile/compiled.ts'
import type { FrontendKey, Frontend as FrontendValue, Range } from '../kernel/layout.gen.ts'
import type { ServiceKey } from '../objects.ts'
import type { Run } from './arena.ts'
import type { RangeText } from './ranges.ts'

/** "10.244.1.5 8080" */
export type BackendText = string
/** Address in hexadecimal, port, protocol, scope. */
export type FrontendText = string

export interface LiveBackend {
  readonly id: number
  readonly generation: number
  readonly pools: number
  readonly state: number
  /** BackendFlag */
  readonly flags: number
}

/** A pool's table in the arena. */
export interface LiveTable {
  readonly run: Run
  readonly slots: number
  readonly wide: boolean
  /** Backend ids, in the order of the run. */
  readonly ids: readonly number[]
  /** False for one that was found after a restart and has not been compared yet. */
  readonly verified: boolean
}

export interface LivePort {
  readonly id: number
  readonly name: ServicePortName
  /** ClientIP time-out in seconds; 0: none. */
  affinity: number
  readonly backends: Map<BackendText, LiveBackend>
  /** By pool. */
  readonly tables: Map<number, LiveTable>
  readonly frontends: Set<FrontendText>
  /** clusterIPs. */
  readonly addresses: Set<string>
  /** loadBalancerSourceRanges. */
  readonly ranges: Map<RangeText, Range>
}

export interface LiveFrontend {
  readonly key: FrontendKey
  readonly value: FrontendValue
  /** Empty for entries that stand for an address. */
  readonly owner: ServicePortName
}

export interface Live {
  readonly ports: Map<ServicePortName, LivePort>
  readonly byService: Map<ServiceKey, Set<ServicePortName>>
  readonly frontends: Map<FrontendText, LiveFrontend>
  /** Service ports by the clusterIP that they make ours. */
  readonly addresses: Map<string, Set<ServicePortName>>
  /** Runs that a crash left behind: an old one and a new one for a pool. Freed after the first whole pass. */
  readonly strays: Run[]
}

export function emptyLive(): Live {
  return { ports: new Map(), byService: new Map(), frontends: new Map(), addresses: new Map(), strays: [] }
}

/** "namespace/name" of "namespace/name:port/PROTO" and of "namespace/name/PROTO". */
export function serviceOf(name: ServicePortName): ServiceKey {
  const colon = name.indexOf(':')
  return colon >= 0 ? name.slice(0, colon) : name.slice(0, name.lastIndexOf('/'))
}

export function addPort(live: Live, port: LivePort): void {
  live.ports.set(port.name, port)
  const key = serviceOf(port.name)
  const names = live.byService.get(key)
  if (names) names.add(port.name)
  else live.byService.set(key, new Set([port.name]))
}

export function removePort(live: Live, port: LivePort): void {
  live.ports.delete(port.name)
  const key = serviceOf(port.name)
  const names = live.byService.get(key)
  names?.delete(port.name)
  if (names?.size === 0) live.byService.delete(key)
}
