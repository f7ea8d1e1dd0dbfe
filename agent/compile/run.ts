// SPDX-License-Identifier: Apache-2.0
/** A pool as it lies in ek_tables: struct ek_frontend in bpf/types.h tells how it is read. */
import { crc32 } from 'node:zlib'

/** EK_BLOCK_SIZE. A pool begins at a block and fills whole ones. */
const BLOCK_BYTES = 64

/** Another one whenever the same backends get other slots: tables of before are then filled anew. */
const TABLE_VERSION = 2
const SEAL_BYTES = 4

/** What up to 16 backends take. */
const USUAL_BLOCKS = 22
const usual = newRoom(USUAL_BLOCKS * BLOCK_BYTES)

function newRoom(size: number) {
  const bytes = new Uint8Array(size)
  return { bytes, words: new Uint32Array(bytes.buffer) }
}

/** Bits of a slot: as few as can name every backend, as ek_table_lookup takes it. */
function slotBits(backends: number): 4 | 8 | 16 {
  if (backends <= 1 << 4) return 4
  return backends <= 1 << 8 ? 8 : 16
}

/** Of a run, without what fills its last block. */
export function runBytes(backends: number, slots: number): number {
  return backends * 4 + Math.ceil((slots * slotBits(backends)) / 8)
}

/**
 * The ids (32 bits), then the slots, both in the order of this machine's bytes, as the kernel reads them; then zeros up to a multiple of
 * 64 bytes. The last four bytes are a seal, where they are to spare: the CRC-32 of ids and slots. It tells an agent that starts
 * that the run was written whole, without filling the table again. The bytes are good until the next call: memory of their own
 * would cost a usual run as much as encoding it.
 */
export function encodeRun(backendIds: ArrayLike<number>, slots: Uint8Array | Uint16Array): Uint8Array {
  const count = backendIds.length
  const used = runBytes(count, slots.length)
  const length = Math.ceil(used / BLOCK_BYTES) * BLOCK_BYTES
  const { bytes, words } = length > usual.bytes.length ? newRoom(length) : usual
  const run = bytes.subarray(0, length)
  for (let i = 0; i < count; i++) words[i] = backendIds[i]!
  run.fill(0, used)
  if (slotBits(count) === 4) packHalves(slots, run, count * 4)
  else run.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength), count * 4)
  if (run.length - used >= SEAL_BYTES) sealOf(run).setUint32(0, crc32(run.subarray(0, used), TABLE_VERSION))
  return run
}

/** Two slots a byte, the first one in the low bits. */
function packHalves(slots: ArrayLike<number>, run: Uint8Array, at: number): void {
  const whole = slots.length >> 1
  for (let i = 0; i < whole; i++) run[at + i] = slots[2 * i]! | (slots[2 * i + 1]! << 4)
  if (slots.length % 2 === 1) run[at + whole] = slots[2 * whole]!
}

/** Whether a run has its seal and it is right. */
export function isSealed(run: Uint8Array, backends: number, slots: number): boolean {
  const used = runBytes(backends, slots)
  if (run.length - used < SEAL_BYTES) return false
  return sealOf(run).getUint32(0) === crc32(run.subarray(0, used), TABLE_VERSION)
}

function sealOf(run: Uint8Array): DataView {
  return new DataView(run.buffer, run.byteOffset + run.length - SEAL_BYTES, SEAL_BYTES)
}
