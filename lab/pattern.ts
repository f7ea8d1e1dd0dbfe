// SPDX-License-Identifier: Apache-2.0
/** Bytes whose value tells their offset, so that a transfer that lost, doubled or mixed up a part shows it. */

/** Prime, so that no chunk, segment or page repeats in step with it. */
const PERIOD = 251

const ramp = Buffer.from(Array.from({ length: PERIOD + 64 * 1024 }, (_, i) => i % PERIOD))

/** At most 64 KiB of the pattern, from an offset on. */
export function patternBytes(offset: number, length: number): Buffer {
  const start = offset % PERIOD
  return ramp.subarray(start, start + length)
}

/** Whether bytes received at an offset are those that were sent. */
export function isPattern(bytes: Buffer, offset: number): boolean {
  for (let at = 0; at < bytes.length; at += 64 * 1024) {
    const part = bytes.subarray(at, at + 64 * 1024)
    if (!part.equals(patternBytes(offset + at, part.length))) return false
  }
  return true
}
