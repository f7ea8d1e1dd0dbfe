// SPDX-License-Identifier: Apache-2.0
/** A pool as it lies in ek_tables: struct ek_frontend in bpf/types.h tells how it is read. */

/** EK_BLOCK_SIZE. A pool begins at a block and fills whole ones. */
export const BLOCK_BYTES = 64

/**
 * The ids (32 bits), then the slots (8 or 16 bits, as they are), both in the order of this machine's bytes, as the kernel reads
 * them; then zeros up to a multiple of 64 bytes.
 */
export function encodeRun(backendIds: ArrayLike<number>, slots: Uint8Array | Uint16Array): Uint8Array {
  const idBytes = backendIds.length * 4
  const run = new Uint8Array(Math.ceil((idBytes + slots.byteLength) / BLOCK_BYTES) * BLOCK_BYTES)
  new Uint32Array(run.buffer, 0, backendIds.length).set(backendIds)
  run.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength), idBytes)
  return run
}
