// SPDX-License-Identifier: Apache-2.0
/** After a restart: what is in the pinned maps, so that ids stay and nothing is written that is there already. */
import { addressText } from '../kernel/address.ts'
import { BackendState, FrontendFlag, type Frontend as FrontendValue } from '../kernel/layout.gen.ts'
import type { Arena } from './arena.ts'
import type { Dataplane } from './dataplane.ts'
import type { IdPool } from './ids.ts'
import { backendText, frontendText } from './keys.ts'
import { addPort, emptyLive, type Live, type LivePort, type LiveTable } from './live.ts'
import { POD_RANGES } from './masquerade.ts'
import { namedIds } from './named.ts'
import { rangeText } from './ranges.ts'
import { blocksOf } from './table.ts'

export interface Pools {
  readonly services: IdPool
  readonly backends: IdPool
  readonly arena: Arena
}

/** Byte of ek_backend.state. */
const STATE = 18

/** Reads everything back. Backends that belong to no Service port are freed. */
export function restore(dataplane: Dataplane, pools: Pools): Live {
  const live = emptyLive()
  const byId = new Map<number, LivePort>()
  for (const [id, { name }] of dataplane.services.entries()) {
    const port: LivePort = {
      id,
      name,
      affinity: 0,
      backends: new Map(),
      tables: new Map(),
      frontends: new Set(),
      addresses: new Set(),
      ranges: new Map(),
    }
    pools.services.claim(id)
    byId.set(id, port)
    addPort(live, port)
  }
  restoreBackends(dataplane, pools, byId)
  restoreFrontends(dataplane, pools, live, byId)
  restoreRanges(dataplane, byId)
  restNamed(dataplane, pools)
  return live
}

function restoreBackends(dataplane: Dataplane, pools: Pools, byId: ReadonlyMap<number, LivePort>): void {
  const { memory, stride, maxEntries } = dataplane.backends
  for (let id = 1; id < maxEntries; id++) {
    if (memory[id * stride + STATE] === BackendState.FREE) continue
    const backend = dataplane.backends.read(id)
    const port = byId.get(backend.service)
    if (port === undefined) {
      dataplane.backends.write(id, { ...backend, state: BackendState.FREE, pools: 0 })
      continue
    }
    pools.backends.claim(id)
    const { generation, pools: bits, state, flags } = backend
    const text = backendText({ address: addressText(backend.addr), port: backend.port })
    port.backends.set(text, { id, generation, pools: bits, state, flags })
  }
}

/** Ranges that belong to no Service port go: its id may be another's one day. */
function restoreRanges(dataplane: Dataplane, byId: ReadonlyMap<number, LivePort>): void {
  for (const [key] of [...dataplane.ranges.entries()]) {
    if (key.service === POD_RANGES) continue
    const port = byId.get(key.service)
    if (port === undefined) dataplane.ranges.delete(key)
    else port.ranges.set(rangeText(key), key)
  }
}

function restoreFrontends(dataplane: Dataplane, pools: Pools, live: Live, byId: ReadonlyMap<number, LivePort>): void {
  for (const [key, value] of dataplane.frontends.entries()) {
    const port = byId.get(value.service)
    const text = frontendText(key)
    live.frontends.set(text, { key, value, owner: port?.name ?? '' })
    if (value.flags & FrontendFlag.ADDRESS) live.addresses.set(addressText(key.addr), new Set())
    if (port === undefined) continue
    port.frontends.add(text)
    port.affinity = value.affinity
    if (value.slots > 0) restoreTable(pools, live, port, value.pool, readTable(dataplane, value))
  }
}

/** Frontends of one pool share a run, but for a crash between their updates. */
function restoreTable(pools: Pools, live: Live, port: LivePort, pool: number, table: LiveTable): void {
  const known = port.tables.get(pool)
  if (known?.run.start === table.run.start || live.strays.some(run => run.start === table.run.start)) return
  pools.arena.claim(table.run)
  if (known) live.strays.push(table.run)
  else port.tables.set(pool, table)
}

function readTable(dataplane: Dataplane, value: FrontendValue): LiveTable {
  const wide = (value.flags & FrontendFlag.WIDE) !== 0
  const run = { start: value.table, blocks: blocksOf(value.backends, value.slots, wide) }
  const bytes = dataplane.tables.view(run.start, run.blocks)
  const ids = Array.from({ length: value.backends }, (_, i) => bytes.readUInt32LE(i * 4))
  return { run, slots: value.slots, wide, ids, verified: false }
}

/** Ids that are free, but that some flow or affinity entry still names, must not be given out. */
function restNamed(dataplane: Dataplane, pools: Pools): void {
  const named = namedIds(dataplane)
  rest(pools.services, named.services)
  rest(pools.backends, named.backends)
}

function rest(pool: IdPool, named: ReadonlySet<number>): void {
  for (const id of named) if (!pool.isUsed(id)) pool.release(id)
}
