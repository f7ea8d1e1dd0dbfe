// SPDX-License-Identifier: Apache-2.0
/** The first half of a change: everything that nothing refers to yet. It can be taken back. */
import type { Backend, CompiledPort, Frontend } from '../compile/compiled.ts'
import { FrontendFlag, type Frontend as FrontendValue, type Service } from '../kernel/layout.gen.ts'
import type { Arena, Run } from './arena.ts'
import type { BackendSlots } from './backend-slots.ts'
import type { Dataplane } from './dataplane.ts'
import type { IdPool } from './ids.ts'
import { addressText, frontendText, valueText } from './keys.ts'
import type { FrontendText, FrontendValueText, Live, LivePort, LiveTable } from './live.ts'
import { placeBackends } from './place-backends.ts'
import { addRanges, rangeKeys } from './ranges.ts'
import { placeTable } from './table.ts'

export interface Parts {
  readonly dataplane: Dataplane
  readonly live: Live
  readonly slots: BackendSlots
  readonly services: IdPool
  readonly backends: IdPool
  readonly arena: Arena
}

/** A Service port whose new state is in place, but for its frontends. */
export interface Prepared {
  readonly before: LivePort | undefined
  readonly after: LivePort
  /** Backends with the pools that they are to have in the end. */
  readonly narrowed: readonly (readonly [id: number, pools: number])[]
}

/** What a Service port has been given, to be given back if it can't have all. */
export interface Taken {
  service?: number
  readonly backends: number[]
  readonly runs: Run[]
}

/** One run through changed Services. */
export interface Pass extends Parts {
  readonly prepared: Prepared[]
  readonly removed: LivePort[]
  /** New Service ports. */
  readonly names: [number, Service][]
  readonly puts: Map<FrontendText, FrontendValueText>
  /** Frontends that a Service port gives up, with its id; 0 for entries that stand for an address. */
  readonly drops: Map<FrontendText, number>
}

export function newPass(parts: Parts): Pass {
  return { ...parts, prepared: [], removed: [], names: [], puts: new Map(), drops: new Map() }
}

/** Throws RangeError when ids or room run out; nothing of this Service port has changed then. */
export function preparePort(pass: Pass, port: CompiledPort): void {
  const taken: Taken = { backends: [], runs: [] }
  try {
    pass.prepared.push(placePort(pass, port, taken))
  } catch (error) {
    giveBack(pass, taken)
    throw error
  }
}

function placePort(pass: Pass, port: CompiledPort, taken: Taken): Prepared {
  const before = pass.live.ports.get(port.name)
  const id = before?.id ?? pass.services.take()
  if (before === undefined) taken.service = id
  const { ids, narrowed } = placeBackends(pass, port.backends, before, id, taken)
  const ranges = rangeKeys(id, port.sourceRanges)
  const tables = placeTables(pass, port, before, ids, taken)
  addRanges(pass, ranges, before)
  if (before === undefined) pass.names.push([id, { name: port.name }])
  const frontends = port.frontends.map(frontend => putFrontend(pass, port, id, tables, frontend))
  for (const text of before?.frontends ?? []) if (!frontends.includes(text)) pass.drops.set(text, id)
  const addresses = addressesOf(port.frontends)
  const after = {
    id,
    name: port.name,
    affinity: port.affinitySeconds,
    backends: ids,
    tables,
    frontends,
    addresses,
    ranges,
  }
  return { before, after, narrowed }
}

function giveBack(pass: Pass, { service, backends, runs }: Taken): void {
  for (const run of runs) pass.arena.release(run)
  for (const id of backends) {
    pass.slots.free(id)
    pass.backends.giveBack(id)
  }
  if (service !== undefined) pass.services.giveBack(service)
}

/** Within the cluster, clusterIPs; for clients outside, what is no node's. */
function addressesOf(frontends: readonly Frontend[]): readonly FrontendText[] {
  const isWhole = ({ kind, scope }: Frontend) => kind === 'clusterIP' || (scope === 'external' && kind !== 'nodePort')
  const texts = frontends.filter(isWhole).map(addressText)
  return texts.filter((text, i) => texts.indexOf(text) === i)
}

function placeTables(
  pass: Pass,
  port: CompiledPort,
  before: LivePort | undefined,
  ids: readonly number[],
  taken: Taken,
): readonly LiveTable[] {
  const tables: LiveTable[] = []
  const pools = port.frontends.map(frontend => frontend.pool)
  for (const [i, pool] of pools.entries()) {
    if (pools.indexOf(pool) < i) continue
    const isMember = (backend: Backend) => (backend.pools & (1 << pool)) !== 0
    const all = port.backends.every(isMember)
    const members = all ? port.backends : port.backends.filter(isMember)
    const memberIds = all ? ids : ids.filter((_, i) => isMember(port.backends[i]!))
    const live = before?.tables.find(table => table.pool === pool)
    const table = placeTable(pass.dataplane, pass.arena, live, { pool, members, ids: memberIds })
    if (table === undefined) continue
    if (table.run !== live?.run) taken.runs.push(table.run)
    tables.push(table)
  }
  return tables
}

function putFrontend(
  pass: Pass,
  port: CompiledPort,
  service: number,
  tables: readonly LiveTable[],
  frontend: Frontend,
): FrontendText {
  const text = frontendText(port, frontend)
  const table = tables.find(({ pool }) => pool === frontend.pool)
  put(pass, text, valueText(frontendValue(port, service, table, frontend)))
  return text
}

function frontendValue(
  port: CompiledPort,
  service: number,
  table: LiveTable | undefined,
  { pool, onEmpty, kind, forwarding }: Frontend,
): FrontendValue {
  const filtered = port.sourceRanges !== undefined && kind === 'loadBalancer'
  const flags =
    (onEmpty === 'drop' ? FrontendFlag.DROP : 0) |
    (filtered ? FrontendFlag.RANGES : 0) |
    (forwarding === 'dsr' ? FrontendFlag.DSR : 0)
  return {
    service,
    table: table?.run.start ?? 0,
    size: table?.size ?? 0,
    backends: table?.ids.length ?? 0,
    affinity: port.affinitySeconds,
    pool,
    flags,
  }
}

const ADDRESS_VALUE = valueText({
  service: 0,
  table: 0,
  size: 0,
  backends: 0,
  affinity: 0,
  pool: 0,
  flags: FrontendFlag.ADDRESS,
})

/** The entry that makes an address ours whatever the port. */
export function putAddress(pass: Pass, address: FrontendText): void {
  put(pass, address, ADDRESS_VALUE)
}

function put(pass: Pass, text: FrontendText, value: FrontendValueText): void {
  if (pass.live.frontends.get(text) !== value) pass.puts.set(text, value)
}
