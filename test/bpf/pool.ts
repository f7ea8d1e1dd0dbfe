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
  /** Slots. */
  readonly size: number
}

export function poolRun(members: readonly Member[]): PoolRun {
  const table = members.length === 0 ? new Uint8Array(0) : maglevTable(members)
  const bits = bitsOf(members.length)
  const ids = 4 * members.length
  const bytes = Buffer.alloc(Math.ceil((ids + (table.length * bits) / 8) / BLOCK_SIZE) * BLOCK_SIZE)
  for (const [i, { id }] of members.entries()) bytes.writeUInt32LE(id, 4 * i)
  for (const [slot, index] of table.entries()) {
    const at = ids + Math.floor((slot * bits) / 8)
    if (bits === 16) bytes.writeUInt16LE(index, at)
    else if (bits === 8) bytes.writeUInt8(index, at)
    else bytes[at]! |= slot % 2 === 0 ? index : index << 4
  }
  return { bytes, size: table.length }
}

/** As bpf/types.h says at struct ek_frontend. */
function bitsOf(backends: number): 4 | 8 | 16 {
  if (backends > 256) return 16
  return backends > 16 ? 8 : 4
}
