// SPDX-License-Identifier: Apache-2.0
/** A pool as it lies in ek_tables: struct ek_frontend in bpf/types.h tells how it is read. */
import { crc32 } from 'node:zlib'

/** EK_BLOCK_SIZE. A pool begins at a block and fills whole ones. */
const BLOCK_BYTES = 64

/** Another one whenever the same backends get other slots: tables of before are then filled anew. */
const TABLE_VERSION = 1
const SEAL_BYTES = 4

/**
 * The ids (32 bits), then the slots (8 or 16 bits, as they are), both in the order of this machine's bytes, as the kernel reads
 * them; then zeros up to a multiple of 64 bytes. The last four bytes are a seal, where they are to spare: the CRC-32 of ids and
 * slots. It tells an agent that starts that the run was written whole, without filling the table again.
 */
export function encodeRun(backendIds: ArrayLike<number>, slots: Uint8Array | Uint16Array): Uint8Array {
  const idBytes = backendIds.length * 4
  const used = idBytes + slots.byteLength
  const run = new Uint8Array(Math.ceil(used / BLOCK_BYTES) * BLOCK_BYTES)
  const ids = new Uint32Array(run.buffer, 0, backendIds.length)
  for (let i = 0; i < ids.length; i++) ids[i] = backendIds[i]!
  run.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength), idBytes)
  if (run.length - used >= SEAL_BYTES) sealOf(run).setUint32(0, crc32(run.subarray(0, used), TABLE_VERSION))
  return run
}

/** Whether a run has its seal and it is right. */
export function isSealed(run: Uint8Array, backends: number, slots: number, wide: boolean): boolean {
  const used = backends * 4 + slots * (wide ? 2 : 1)
  if (run.length - used < SEAL_BYTES) return false
  return sealOf(run).getUint32(0) === crc32(run.subarray(0, used), TABLE_VERSION)
}

function sealOf(run: Uint8Array): DataView {
  return new DataView(run.buffer, run.byteOffset + run.length - SEAL_BYTES, SEAL_BYTES)
}
