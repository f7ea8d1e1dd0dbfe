// SPDX-License-Identifier: Apache-2.0
/** ICMP for IPv4 (RFC 792; MTU of RFC 1191). Its checksum has no pseudo header. */
import { internetChecksum } from './checksum.ts'
import { type Icmp, type IcmpFields, icmpBytes, parseIcmp } from './icmp.ts'
import { type Message, PROTO } from './protocol.ts'

export const ICMP4 = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  QUENCH: 4,
  REDIRECT: 5,
  ECHO: 8,
  TIME_EXCEEDED: 11,
  PARAMETER: 12,
} as const
/** Codes of UNREACHABLE. */
export const UNREACHABLE4 = { HOST: 1, PROTOCOL: 2, PORT: 3, FRAGMENTATION_NEEDED: 4, PROHIBITED: 13 } as const

const errors: readonly number[] = [3, 4, 5, 11, 12]

export function icmp4(fields: IcmpFields): Message {
  const bytes = icmpBytes(fields)
  bytes.writeUInt16BE(fields.checksum ?? internetChecksum(bytes), 2)
  return { proto: PROTO.ICMP4, encode: () => bytes }
}

export function parseIcmp4(bytes: Buffer): Icmp | undefined {
  return parseIcmp('icmp4', bytes, type => errors.includes(type))
}
