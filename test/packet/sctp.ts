// SPDX-License-Identifier: Apache-2.0
/** SCTP packets (RFC 9260 3). The checksum is CRC32c over the whole packet, without a pseudo header. */
import { crc32c } from './crc32c.ts'
import { type Message, PROTO } from './protocol.ts'

export interface SctpFields {
  readonly sport: number
  readonly dport: number
  readonly tag?: number
  /** Chunks as they are on the wire; default one INIT. */
  readonly chunks?: Buffer
  /** Instead of the right one. */
  readonly checksum?: number
}

export interface Sctp {
  readonly kind: 'sctp'
  readonly sport: number
  readonly dport: number
  readonly tag: number
  readonly checksum: number
  readonly chunks: Buffer
}

/** One INIT chunk with plausible fields. */
const INIT = Buffer.from('01000014deadbeef0001000000010001cafebabe', 'hex')

export function sctp(fields: SctpFields): Message {
  const packet = Buffer.concat([Buffer.alloc(12), fields.chunks ?? INIT])
  packet.writeUInt16BE(fields.sport, 0)
  packet.writeUInt16BE(fields.dport, 2)
  packet.writeUInt32BE(fields.tag ?? 0, 4)
  packet.writeUInt32LE(fields.checksum ?? crc32c(packet), 8)
  return { proto: PROTO.SCTP, encode: () => packet }
}

/** Undefined when shorter than its header. */
export function parseSctp(bytes: Buffer): Sctp | undefined {
  if (bytes.length < 12) return undefined
  return {
    kind: 'sctp',
    sport: bytes.readUInt16BE(0),
    dport: bytes.readUInt16BE(2),
    tag: bytes.readUInt32BE(4),
    checksum: bytes.readUInt32LE(8),
    chunks: bytes.subarray(12),
  }
}

/** What the checksum field should hold. */
export function sctpChecksum(packet: Buffer): number {
  const zeroed = Buffer.from(packet)
  zeroed.writeUInt32LE(0, 8)
  return crc32c(zeroed)
}
