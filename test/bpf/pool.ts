// SPDX-License-Identifier: Apache-2.0
/** A pool as the programs read it from ek_tables: backend ids, then Maglev slots, in whole blocks. */
import { maglevTable } from '../../agent/compile/maglev.ts'
import { BLOCK_SIZE } from '../../agent/kernel/layout.gen.ts'
import type { Endpoint } from './services.ts'

export interface Member extends Endpoint {
  readonly id: number
}

export interface PoolRun {
  readonly bytes: Buffer
  readonly slots: number
  /** Slots of 16 bits. */
  readonly wide: boolean
}

export function poolRun(members: readonly Member[]): PoolRun {
  const table = members.length === 0 ? new Uint8Array(0) : maglevTable(members)
  const wide = table instanceof Uint16Array
  const ids = 4 * members.length
  const size = ids + table.length * (wide ? 2 : 1)
  const bytes = Buffer.alloc(Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE)
  for (const [i, { id }] of members.entries()) bytes.writeUInt32LE(id, 4 * i)
  for (const [slot, index] of table.entries()) {
    if (wide) bytes.writeUInt16LE(index, ids + 2 * slot)
    else bytes.writeUInt8(index, ids + slot)
  }
  return { bytes, slots: table.length, wide }
}
