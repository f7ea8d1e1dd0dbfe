// SPDX-License-Identifier: Apache-2.0
/** ICMP for IPv6 (RFC 4443). Its checksum covers the pseudo header; types below 128 are errors. */
import { internetChecksum, pseudoHeader } from './checksum.ts'
import { type Icmp, type IcmpFields, icmpBytes, parseIcmp } from './icmp.ts'
import { type Message, PROTO } from './protocol.ts'

export const ICMP6 = { UNREACHABLE: 1, TOO_BIG: 2, TIME_EXCEEDED: 3, PARAMETER: 4, ECHO: 128, ECHO_REPLY: 129 } as const
/** Codes of UNREACHABLE. */
export const UNREACHABLE6 = { NO_ROUTE: 0, PROHIBITED: 1, ADDRESS: 3, PORT: 4 } as const

export function icmp6(fields: IcmpFields): Message {
  const message = icmpBytes(fields)
  return { proto: PROTO.ICMP6, encode: ends => sealed(message, ends.src, ends.dst, fields.checksum) }
}

function sealed(message: Buffer, src: Uint8Array, dst: Uint8Array, checksum: number | undefined): Buffer {
  const bytes = Buffer.from(message)
  const right = internetChecksum(pseudoHeader(src, dst, PROTO.ICMP6, bytes.length), bytes)
  bytes.writeUInt16BE(checksum ?? right, 2)
  return bytes
}

export function parseIcmp6(bytes: Buffer): Icmp | undefined {
  return parseIcmp('icmp6', bytes, type => type < 128)
}
