// SPDX-License-Identifier: Apache-2.0
/** A pool's selection table on its way into the arena. */
import type { Backend } from '../compile/compiled.ts'
import { maglevTable } from '../compile/maglev.ts'
import { encodeRun } from '../compile/run.ts'
import { BLOCK_SIZE } from '../kernel/layout.gen.ts'
import type { Arena } from './arena.ts'
import type { Dataplane } from './dataplane.ts'
import type { LiveTable } from './live.ts'

/** Blocks of a run of `backends` ids and `slots` slots. */
export function blocksOf(backends: number, slots: number, wide: boolean): number {
  return Math.ceil((backends * 4 + slots * (wide ? 2 : 1)) / BLOCK_SIZE)
}

/** The members of a pool, in the order of compile: by address, then port. */
export function poolMembers(backends: readonly Backend[], pool: number): readonly Backend[] {
  return backends.filter(backend => backend.pools & (1 << pool))
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}

/**
 * The table for these members: the live one when it says the same already, else a new run, written but not yet referred to.
 * Undefined for an empty pool.
 */
export function placeTable(
  dataplane: Dataplane,
  arena: Arena,
  live: LiveTable | undefined,
  members: readonly Backend[],
  ids: readonly number[],
): LiveTable | undefined {
  if (members.length === 0) return undefined
  // An id has one meaning as long as it is in use: the same ids are the same members.
  if (live?.verified && sameIds(live.ids, ids)) return live
  const slots = maglevTable(members)
  const bytes = encodeRun(ids, slots)
  const blocks = bytes.length / BLOCK_SIZE
  if (
    live &&
    sameIds(live.ids, ids) &&
    live.run.blocks === blocks &&
    dataplane.tables.view(live.run.start, blocks).equals(bytes)
  )
    return { ...live, verified: true }
  const run = arena.take(blocks)
  dataplane.tables.writeBytes(run.start, bytes)
  return { run, slots: slots.length, wide: slots.BYTES_PER_ELEMENT === 2, ids, verified: true }
}
