// SPDX-License-Identifier: Apache-2.0
/** The Internet checksum (RFC 1071) and the pseudo headers of IPv4 (RFC 9293 3.1) and IPv6 (RFC 8200 8.1). */

/** Sum of big-endian 16-bit words, an odd last byte padded with zero on the right; not folded. */
export function sum16(bytes: Uint8Array): number {
  const even = bytes.length & ~1
  let sum = 0
  for (let at = 0; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  return even === bytes.length ? sum : sum + (bytes[even]! << 8)
}

/** Folds the carries back in: 0..0xffff. */
export function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  return folded
}

/** What belongs in the checksum field when that field is zero in `parts`. All parts but the last have even lengths. */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  return 0xffff - fold(parts.reduce((sum, part) => sum + sum16(part), 0))
}

/**
 * The sum over data that includes its own checksum, modulo 0xffff: 0 when the checksum is right. A translation that
 * updates a checksum incrementally (RFC 1624) keeps this number whatever it was.
 */
export function residue(...parts: readonly Uint8Array[]): number {
  return fold(parts.reduce((sum, part) => sum + sum16(part), 0)) % 0xffff
}

export function pseudoHeader(src: Uint8Array, dst: Uint8Array, proto: number, length: number): Buffer {
  const tail = Buffer.alloc(src.length === 4 ? 4 : 8)
  tail[tail.length === 4 ? 1 : 7] = proto
  if (tail.length === 4) tail.writeUInt16BE(length & 0xffff, 2)
  else tail.writeUInt32BE(length, 0)
  return Buffer.concat([src, dst, tail])
}
