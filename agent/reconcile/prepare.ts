// SPDX-License-Identifier: Apache-2.0
/** The first half of a change: everything that nothing refers to yet. It can be taken back. */
import type { Backend, CompiledPort, Frontend, ServicePortName } from '../compile/compiled.ts'
import { addressBytes } from '../kernel/address.ts'
import {
  BackendFlag,
  BackendState,
  FrontendFlag,
  type Frontend as FrontendValue,
  type Service,
} from '../kernel/layout.gen.ts'
import type { Arena } from './arena.ts'
import type { Dataplane } from './dataplane.ts'
import type { IdPool } from './ids.ts'
import { addressKey, backendText, frontendKey, frontendText } from './keys.ts'
import type { BackendText, FrontendText, Live, LiveBackend, LiveFrontend, LivePort, LiveTable } from './live.ts'
import { addRanges, rangeKeys } from './ranges.ts'
import { placeTable, poolMembers } from './table.ts'

export interface Parts {
  readonly dataplane: Dataplane
  readonly live: Live
  readonly services: IdPool
  readonly backends: IdPool
  readonly arena: Arena
}

/** A Service port whose new state is in place, but for its frontends. */
export interface Prepared {
  readonly before: LivePort | undefined
  readonly after: LivePort
}

/** One run through changed Services. */
export interface Pass extends Parts {
  readonly prepared: Prepared[]
  readonly removed: LivePort[]
  /** New Service ports. */
  readonly names: [number, Service][]
  readonly puts: Map<FrontendText, LiveFrontend>
  /** Frontends that a Service port gives up. */
  readonly drops: Map<FrontendText, ServicePortName>
}

export function newPass(parts: Parts): Pass {
  return { ...parts, prepared: [], removed: [], names: [], puts: new Map(), drops: new Map() }
}

/** Throws RangeError when ids or room run out; nothing of this Service port has changed then. */
export function preparePort(pass: Pass, port: CompiledPort): void {
  const before = pass.live.ports.get(port.name)
  const undo: (() => void)[] = []
  try {
    const id = before?.id ?? taken(pass.services, undo)
    const backends = placeBackends(pass, port, before, id, undo)
    const tables = placeTables(pass, port, before, backends, undo)
    const after: LivePort = {
      id,
      name: port.name,
      affinity: port.affinitySeconds,
      backends,
      tables,
      frontends: new Set(),
      addresses: new Set(),
      ranges: rangeKeys(id, port.sourceRanges ?? []),
    }
    addRanges(pass, after, before)
    if (before === undefined) pass.names.push([id, { name: port.name }])
    for (const frontend of port.frontends) putFrontend(pass, port, after, frontend)
    for (const text of before?.frontends ?? []) if (!after.frontends.has(text)) pass.drops.set(text, port.name)
    pass.prepared.push({ before, after })
  } catch (error) {
    for (const step of undo.reverse()) step()
    throw error
  }
}

function taken(pool: IdPool, undo: (() => void)[]): number {
  const id = pool.take()
  undo.push(() => pool.giveBack(id))
  return id
}

/** The members that are new, and for the others every pool that they are or will be in. */
function placeBackends(
  pass: Pass,
  port: CompiledPort,
  before: LivePort | undefined,
  service: number,
  undo: (() => void)[],
): Map<BackendText, LiveBackend> {
  const placed = new Map<BackendText, LiveBackend>()
  for (const backend of port.backends) {
    const text = backendText(backend)
    const known = before?.backends.get(text)
    const id = known?.id ?? taken(pass.backends, undo)
    const generation = known?.generation ?? (pass.dataplane.backends.read(id).generation + 1) >>> 0
    const flags = backend.local ? BackendFlag.LOCAL : 0
    const live = { id, generation, pools: backend.pools, state: stateOf(backend.pools), flags }
    writeBackend(pass, backend, service, { ...live, pools: live.pools | (known?.pools ?? 0) })
    if (known === undefined) undo.push(() => freeBackend(pass, live))
    placed.set(text, live)
  }
  return placed
}

function stateOf(pools: number): number {
  return pools === 0 ? BackendState.DRAINING : BackendState.ACTIVE
}

export function writeBackend(
  pass: Parts,
  { address, port }: Pick<Backend, 'address' | 'port'>,
  service: number,
  { id, generation, pools, flags }: LiveBackend,
): void {
  pass.dataplane.backends.write(id, {
    addr: addressBytes(address),
    port,
    state: stateOf(pools),
    pools,
    generation,
    service,
    flags,
  })
}

/** The slot keeps its generation, so that the next one to have it gets another. */
export function freeBackend(pass: Parts, { id }: LiveBackend): void {
  const backend = pass.dataplane.backends.read(id)
  pass.dataplane.backends.write(id, { ...backend, state: BackendState.FREE, pools: 0 })
}

function placeTables(
  pass: Pass,
  port: CompiledPort,
  before: LivePort | undefined,
  backends: ReadonlyMap<BackendText, LiveBackend>,
  undo: (() => void)[],
): Map<number, LiveTable> {
  const tables = new Map<number, LiveTable>()
  for (const pool of new Set(port.frontends.map(frontend => frontend.pool))) {
    const members = poolMembers(port.backends, pool)
    const ids = members.map(member => backends.get(backendText(member))!.id)
    const live = before?.tables.get(pool)
    const table = placeTable(pass.dataplane, pass.arena, live, members, ids)
    if (table === undefined) continue
    if (table.run !== live?.run) undo.push(() => pass.arena.release(table.run))
    tables.set(pool, table)
  }
  return tables
}

function putFrontend(pass: Pass, port: CompiledPort, after: LivePort, frontend: Frontend): void {
  const key = frontendKey(port, frontend)
  const text = frontendText(key)
  after.frontends.add(text)
  put(pass, text, { key, value: frontendValue(port, after, frontend), owner: port.name })
  if (frontend.kind === 'clusterIP') after.addresses.add(frontend.address)
}

function frontendValue(port: CompiledPort, after: LivePort, { pool, onEmpty, kind, scope }: Frontend): FrontendValue {
  const table = after.tables.get(pool)
  const filtered = port.sourceRanges !== undefined && kind === 'loadBalancer' && scope === 'external'
  const flags =
    (table?.wide ? FrontendFlag.WIDE : 0) |
    (onEmpty === 'drop' ? FrontendFlag.DROP : 0) |
    (filtered ? FrontendFlag.RANGES : 0)
  return {
    service: after.id,
    table: table?.run.start ?? 0,
    slots: table?.slots ?? 0,
    backends: table?.ids.length ?? 0,
    affinity: port.affinitySeconds,
    pool,
    flags,
  }
}

const ADDRESS_VALUE: FrontendValue = {
  service: 0,
  table: 0,
  slots: 0,
  backends: 0,
  affinity: 0,
  pool: 0,
  flags: FrontendFlag.ADDRESS,
}

/** The entry that makes an address ours whatever the port. */
export function putAddress(pass: Pass, address: string): void {
  const key = addressKey(address)
  put(pass, frontendText(key), { key, value: ADDRESS_VALUE, owner: '' })
}

function put(pass: Pass, text: FrontendText, frontend: LiveFrontend): void {
  const live = pass.live.frontends.get(text)
  if (live && live.owner === frontend.owner && sameValue(live.value, frontend.value)) return
  pass.puts.set(text, frontend)
}

function sameValue(a: FrontendValue, b: FrontendValue): boolean {
  return (Object.keys(ADDRESS_VALUE) as (keyof FrontendValue)[]).every(field => a[field] === b[field])
}
