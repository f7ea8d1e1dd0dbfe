// SPDX-License-Identifier: Apache-2.0
/** What ICMP (RFC 792) and ICMPv6 (RFC 4443) share: type, code, checksum, 4 bytes by type, then data. */

export interface IcmpFields {
  readonly type: number
  readonly code?: number
  /** The 4 bytes after the checksum: identifier and sequence, MTU, pointer, or unused. */
  readonly rest?: number
  readonly payload?: Buffer
  /** Instead of the right one. */
  readonly checksum?: number
}

export interface Icmp {
  readonly kind: 'icmp4' | 'icmp6'
  readonly type: number
  readonly code: number
  readonly checksum: number
  readonly rest: number
  /** After the 8 bytes of the header: for errors, the quoted packet. */
  readonly payload: Buffer
  readonly isError: boolean
}

/** The message with a zero checksum. */
export function icmpBytes(fields: IcmpFields): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(8), fields.payload ?? Buffer.alloc(0)])
  bytes[0] = fields.type
  bytes[1] = fields.code ?? 0
  bytes.writeUInt32BE(fields.rest ?? 0, 4)
  return bytes
}

/** Undefined when shorter than its header. */
export function parseIcmp(kind: Icmp['kind'], bytes: Buffer, isError: (type: number) => boolean): Icmp | undefined {
  if (bytes.length < 8) return undefined
  return {
    kind,
    type: bytes[0]!,
    code: bytes[1]!,
    checksum: bytes.readUInt16BE(2),
    rest: bytes.readUInt32BE(4),
    payload: bytes.subarray(8),
    isError: isError(bytes[0]!),
  }
}
