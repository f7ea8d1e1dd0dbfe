// SPDX-License-Identifier: Apache-2.0
/** After a restart: what is in the pinned maps, so that ids stay and nothing is written that is there already. */
import { Dir, FrontendFlag, type Frontend as FrontendValue, type Range } from '../kernel/layout.gen.ts'
import type { Arena } from './arena.ts'
import type { BackendSlots } from './backend-slots.ts'
import type { Dataplane } from './dataplane.ts'
import type { IdPool } from './ids.ts'
import { keyText, valueText } from './keys.ts'
import { admit, noteNamed } from './known-addresses.ts'
import { addPort, emptyLive, type FrontendText, type Live, type LivePort, type LiveTable } from './live.ts'
import { POD_RANGES } from './masquerade.ts'
import { namedIds } from './named.ts'
import { NO_RANGES, type RangeText, rangeText } from './ranges.ts'
import { blocksOf } from './table.ts'

/** What entries have that name nothing. */
const NO_ID = 0

export interface Pools {
  readonly slots: BackendSlots
  readonly services: IdPool
  readonly backends: IdPool
  readonly arena: Arena
}

/** A Service port while its parts come in from different maps. */
interface Found extends LivePort {
  affinity: number
  readonly backends: number[]
  readonly tables: LiveTable[]
  readonly frontends: FrontendText[]
  ranges: ReadonlyMap<RangeText, Range>
}

type ById = ReadonlyMap<number, Found>

/** Reads everything back. Backends that belong to no Service port are freed. */
export function restore(dataplane: Dataplane, pools: Pools): Live {
  const live = emptyLive()
  const byId = new Map<number, Found>()
  for (const [id, { name }] of dataplane.services.entries()) {
    const port = { id, name, affinity: 0, backends: [], tables: [], frontends: [], addresses: [], ranges: NO_RANGES }
    pools.services.claim(id)
    byId.set(id, port)
    addPort(live, port)
  }
  restoreBackends(pools, byId)
  restoreFrontends(dataplane, pools, live, byId)
  restoreRanges(dataplane, byId)
  restNamed(dataplane, pools)
  return live
}

function restoreBackends({ slots, backends }: Pools, byId: ById): void {
  for (let id = 1; id < slots.size; id++) {
    if (slots.isFree(id)) continue
    const port = byId.get(slots.service(id))
    if (port === undefined) {
      slots.free(id)
      continue
    }
    backends.claim(id)
    port.backends.push(id)
  }
}

/** Ranges that belong to no Service port go: its id may be another's one day. */
function restoreRanges(dataplane: Dataplane, byId: ById): void {
  for (const [key] of [...dataplane.ranges.entries()]) {
    if (key.service === POD_RANGES) continue
    const port = byId.get(key.service)
    if (port === undefined) dataplane.ranges.delete(key)
    else port.ranges = new Map([...port.ranges, [rangeText(key), key]])
  }
}

function restoreFrontends(dataplane: Dataplane, pools: Pools, live: Live, byId: ById): void {
  for (const [key, value] of dataplane.frontends.entries()) {
    const port = byId.get(value.service)
    const text = keyText(key)
    admit(dataplane, key.addr)
    live.frontends.set(text, valueText(value))
    if (value.flags & FrontendFlag.ADDRESS) live.addresses.set(text, 0)
    if (port === undefined) continue
    port.frontends.push(text)
    port.affinity = value.affinity
    if (value.size > 0) restoreTable(pools, live, port, readTable(dataplane, value))
  }
}

/** Frontends of one pool share a run, but for a crash between their updates. */
function restoreTable(pools: Pools, live: Live, port: Found, table: LiveTable): void {
  const known = port.tables.find(({ pool }) => pool === table.pool)
  if (known?.run.start === table.run.start || live.strays.some(run => run.start === table.run.start)) return
  pools.arena.claim(table.run)
  if (known) live.strays.push(table.run)
  else port.tables.push(table)
}

function readTable(dataplane: Dataplane, value: FrontendValue): LiveTable {
  const run = { start: value.table, blocks: blocksOf(value.backends, value.size) }
  const bytes = dataplane.tables.view(run.start, run.blocks)
  const ids = Array.from({ length: value.backends }, (_, i) => bytes.readUInt32LE(i * 4))
  return { pool: value.pool, run, size: value.size, ids, verified: false }
}

/** Ids that are free, but that some flow or affinity entry still names, must not be given out; and what flows lead to stays ours. */
function restNamed(dataplane: Dataplane, pools: Pools): void {
  const named = namedIds(dataplane, ({ dir, daddr }) => {
    if (dir === Dir.ENTER) admit(dataplane, daddr)
  })
  for (const [{ addr, port }] of dataplane.sockets?.orig.entries() ?? []) noteNamed(dataplane, addr, port)
  rest(pools.services, named.services)
  rest(pools.backends, named.backends)
}

function rest(pool: IdPool, named: ReadonlySet<number>): void {
  for (const id of named) if (id !== NO_ID && !pool.isUsed(id)) pool.release(id)
}
