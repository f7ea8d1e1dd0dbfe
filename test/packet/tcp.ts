// SPDX-License-Identifier: Apache-2.0
/** TCP segments (RFC 9293 3.1). */
import { internetChecksum, pseudoHeader } from './checksum.ts'
import { type Message, PROTO } from './protocol.ts'

/** From bit 0 on: FIN SYN RST PSH ACK URG ECE CWR. */
const FLAGS = 'FSRPAUEC'

export interface TcpFields {
  readonly sport: number
  readonly dport: number
  readonly seq?: number
  readonly ack?: number
  /** Letters of "FSRPAUEC"; default "A". */
  readonly flags?: string
  readonly window?: number
  /** Padded with zero to a multiple of 4; at most 40 bytes. */
  readonly options?: Buffer
  readonly payload?: Buffer
  /** Instead of the right one. */
  readonly checksum?: number
}

export interface Tcp {
  readonly kind: 'tcp'
  readonly sport: number
  readonly dport: number
  readonly seq: number
  readonly ack: number
  readonly flags: string
  readonly window: number
  readonly checksum: number
  readonly headerLength: number
  readonly options: Buffer
  readonly payload: Buffer
}

export function tcp(fields: TcpFields): Message {
  const { sport, dport, seq = 1, ack = 0, flags = 'A', window = 65535 } = fields
  const { options = Buffer.alloc(0), payload = Buffer.alloc(0) } = fields
  const headerLength = 20 + ((options.length + 3) & ~3)
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(sport, 0)
  header.writeUInt16BE(dport, 2)
  header.writeUInt32BE(seq, 4)
  header.writeUInt32BE(ack, 8)
  header[12] = (headerLength / 4) << 4
  header[13] = flagBits(flags)
  header.writeUInt16BE(window, 14)
  options.copy(header, 20)
  const segment = Buffer.concat([header, payload])
  return { proto: PROTO.TCP, encode: ends => sealed(segment, ends.src, ends.dst, fields.checksum) }
}

function sealed(segment: Buffer, src: Uint8Array, dst: Uint8Array, checksum: number | undefined): Buffer {
  const bytes = Buffer.from(segment)
  const right = internetChecksum(pseudoHeader(src, dst, PROTO.TCP, bytes.length), bytes)
  bytes.writeUInt16BE(checksum ?? right, 16)
  return bytes
}

function flagBits(flags: string): number {
  return [...flags].reduce((bits, flag) => bits | (1 << FLAGS.indexOf(flag)), 0)
}

/** Undefined when shorter than its header. */
export function parseTcp(bytes: Buffer): Tcp | undefined {
  if (bytes.length < 20) return undefined
  const headerLength = (bytes[12]! >> 4) * 4
  if (headerLength < 20 || headerLength > bytes.length) return undefined
  return {
    kind: 'tcp',
    sport: bytes.readUInt16BE(0),
    dport: bytes.readUInt16BE(2),
    seq: bytes.readUInt32BE(4),
    ack: bytes.readUInt32BE(8),
    flags: [...FLAGS].filter((_, bit) => bytes[13]! & (1 << bit)).join(''),
    window: bytes.readUInt16BE(14),
    checksum: bytes.readUInt16BE(16),
    headerLength,
    options: bytes.subarray(20, headerLength),
    payload: bytes.subarray(headerLength),
  }
}
