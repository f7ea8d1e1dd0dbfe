// SPDX-License-Identifier: Apache-2.0
/** UDP datagrams (RFC 768; over IPv6, RFC 8200 8.1). */
import { internetChecksum, pseudoHeader } from './checksum.ts'
import { type Message, PROTO } from './protocol.ts'

export interface UdpFields {
  readonly sport: number
  readonly dport: number
  readonly payload?: Buffer
  /** Instead of the right one. */
  readonly length?: number
  /** Instead of the right one; 0: none. */
  readonly checksum?: number
}

export interface Udp {
  readonly kind: 'udp'
  readonly sport: number
  readonly dport: number
  readonly length: number
  readonly checksum: number
  readonly payload: Buffer
}

export function udp(fields: UdpFields): Message {
  const { sport, dport, payload = Buffer.alloc(0) } = fields
  const datagram = Buffer.concat([Buffer.alloc(8), payload])
  datagram.writeUInt16BE(sport, 0)
  datagram.writeUInt16BE(dport, 2)
  datagram.writeUInt16BE((fields.length ?? datagram.length) & 0xffff, 4)
  return { proto: PROTO.UDP, encode: ends => sealed(datagram, ends.src, ends.dst, fields.checksum) }
}

function sealed(datagram: Buffer, src: Uint8Array, dst: Uint8Array, checksum: number | undefined): Buffer {
  const bytes = Buffer.from(datagram)
  const right = internetChecksum(pseudoHeader(src, dst, PROTO.UDP, bytes.length), bytes)
  // RFC 768: a computed zero is sent as all ones, since zero means that there is none.
  bytes.writeUInt16BE(checksum ?? (right === 0 ? 0xffff : right), 6)
  return bytes
}

/** Undefined when shorter than its header. */
export function parseUdp(bytes: Buffer): Udp | undefined {
  if (bytes.length < 8) return undefined
  return {
    kind: 'udp',
    sport: bytes.readUInt16BE(0),
    dport: bytes.readUInt16BE(2),
    length: bytes.readUInt16BE(4),
    checksum: bytes.readUInt16BE(6),
    payload: bytes.subarray(8),
  }
}
