// SPDX-License-Identifier: Apache-2.0
/** A pool's run of blocks in ek_tables, as bytes: see struct ek_frontend in bpf/types.h. */
import { BLOCK_SIZE } from '../kernel/layout.gen.ts'

/** Backend ids as 32-bit words, then the slots, in the byte order of the host (little-endian), padded to whole blocks. */
export function encodeRun(ids: ArrayLike<number>, slots: Uint8Array | Uint16Array): Uint8Array {
  const idBytes = ids.length * 4
  const run = new Uint8Array(Math.ceil((idBytes + slots.byteLength) / BLOCK_SIZE) * BLOCK_SIZE)
  run.set(new Uint8Array(Uint32Array.from(ids).buffer), 0)
  run.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength), idBytes)
  return run
}
