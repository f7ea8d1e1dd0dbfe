// SPDX-License-Identifier: Apache-2.0
/** A pool's selection table on its way into the arena. */
import type { Backend } from '../compile/compiled.ts'
import { maglevTable, tableSize } from '../compile/maglev.ts'
import { encodeRun, isSealed, runBytes } from '../compile/run.ts'
import { BLOCK_SIZE } from '../kernel/layout.gen.ts'
import type { Arena } from './arena.ts'
import type { Dataplane } from './dataplane.ts'
import type { LiveTable } from './live.ts'
import { sameIds } from './place-backends.ts'

/** Filled for table after table of the size that most have. */
const usual = new Uint8Array(tableSize(2))

/** Blocks of a run of `backends` ids and `slots` slots. */
export function blocksOf(backends: number, slots: number): number {
  return Math.ceil(runBytes(backends, slots) / BLOCK_SIZE)
}

export interface Pool {
  /** Bit of ek_backend.pools. */
  readonly pool: number
  /** In the order of compile: by address, then port. */
  readonly members: readonly Backend[]
  /** Of the members. */
  readonly ids: readonly number[]
}

/**
 * The table of a pool: the live one when it says the same already, else a new run, written but not yet referred to. Undefined for
 * an empty pool.
 */
export function placeTable(
  dataplane: Dataplane,
  arena: Arena,
  live: LiveTable | undefined,
  { pool, members, ids }: Pool,
): LiveTable | undefined {
  if (members.length === 0) return undefined
  // An id has one meaning as long as it is in use: the same ids are the same members.
  const same = live !== undefined && sameIds(live.ids, ids)
  if (same && (live.verified || isSealed(viewOf(dataplane, live), ids.length, live.size)))
    return live.verified ? live : { ...live, ids, verified: true }
  const slots = maglevTable(members, usual)
  const bytes = encodeRun(ids, slots)
  const blocks = bytes.length / BLOCK_SIZE
  if (same && live.run.blocks === blocks && viewOf(dataplane, live).equals(bytes))
    return { ...live, ids, verified: true }
  const run = arena.take(blocks)
  dataplane.tables.writeBytes(run.start, bytes)
  return { pool, run, size: slots.length, ids, verified: true }
}

function viewOf({ tables }: Dataplane, { run }: LiveTable): Buffer {
  return tables.view(run.start, run.blocks)
}
