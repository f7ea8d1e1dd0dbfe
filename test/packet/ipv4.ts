// SPDX-License-Identifier: Apache-2.0
/** IPv4 packets (RFC 791). */
import { addressBytes } from './address.ts'
import { internetChecksum } from './checksum.ts'
import type { Fragment, IpPacket } from './ip.ts'
import type { Message } from './protocol.ts'

export interface Ipv4Fields {
  readonly src: string
  readonly dst: string
  readonly ttl?: number
  readonly tos?: number
  readonly id?: number
  readonly dontFragment?: boolean
  readonly fragment?: Omit<Fragment, 'id'>
  /** Padded with zero (end of options) to a multiple of 4; at most 40 bytes. */
  readonly options?: Buffer
  /** Instead of the right one. */
  readonly checksum?: number
}

export function ipv4(fields: Ipv4Fields, message: Message): Buffer {
  const src = addressBytes(fields.src)
  const dst = addressBytes(fields.dst)
  const payload = message.encode({ src, dst })
  const options = fields.options ?? Buffer.alloc(0)
  const header = Buffer.alloc(20 + ((options.length + 3) & ~3))
  header[0] = 0x40 | (header.length / 4)
  header[1] = fields.tos ?? 0
  header.writeUInt16BE((header.length + payload.length) & 0xffff, 2)
  header.writeUInt16BE(fields.id ?? 0x1234, 4)
  header.writeUInt16BE(fragmentBits(fields), 6)
  header[8] = fields.ttl ?? 64
  header[9] = message.proto
  src.copy(header, 12)
  dst.copy(header, 16)
  options.copy(header, 20)
  header.writeUInt16BE(fields.checksum ?? internetChecksum(header), 10)
  return Buffer.concat([header, payload])
}

function fragmentBits(fields: Ipv4Fields): number {
  const { offset = 0, more = false } = fields.fragment ?? {}
  return (fields.dontFragment ? 0x4000 : 0) | (more ? 0x2000 : 0) | (offset >> 3)
}

/** Undefined when it is no IPv4 header or ends inside it. */
export function parseIpv4(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < 20 || bytes[0]! >> 4 !== 4) return undefined
  const headerLength = (bytes[0]! & 15) * 4
  if (headerLength < 20 || headerLength > bytes.length) return undefined
  const length = bytes.readUInt16BE(2)
  const bits = bytes.readUInt16BE(6)
  const fragment = { id: bytes.readUInt16BE(4), offset: (bits & 0x1fff) * 8, more: (bits & 0x2000) !== 0 }
  const dst = bytes.subarray(16, 20)
  return {
    version: 4,
    src: bytes.subarray(12, 16),
    dst,
    finalDst: dst,
    ttl: bytes[8]!,
    length,
    headerLength,
    proto: bytes[9]!,
    ...(bits & 0x3fff ? { fragment } : {}),
    extensions: [],
    header: bytes.subarray(0, headerLength),
    payload: bytes.subarray(headerLength, Math.max(headerLength, length)),
    isWhole: length >= headerLength && bytes.length >= length,
  }
}
