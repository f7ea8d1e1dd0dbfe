// SPDX-License-Identifier: Apache-2.0
/** IPv6 packets (RFC 8200). */
import { addressBytes } from './address.ts'
import type { Extension } from './extension.ts'
import type { FoundExtension, Fragment, IpPacket } from './ip.ts'
import { type Message, PROTO } from './protocol.ts'

export interface Ipv6Fields {
  readonly src: string
  readonly dst: string
  readonly hopLimit?: number
  readonly trafficClass?: number
  readonly flowLabel?: number
  readonly extensions?: readonly Extension[]
}

export function ipv6(fields: Ipv6Fields, message: Message): Buffer {
  const src = addressBytes(fields.src)
  const dst = addressBytes(fields.dst)
  const extensions = fields.extensions ?? []
  const chain = chained(extensions, message.proto)
  const ends = { src, dst: extensions.reduce((last, { proto, bytes }) => finalDst(proto, bytes) ?? last, dst) }
  const payload = Buffer.concat([...chain, message.encode(ends)])
  const header = Buffer.alloc(40)
  header.writeUInt32BE(((6 << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0)) >>> 0, 0)
  header.writeUInt16BE(payload.length & 0xffff, 4)
  header[6] = extensions[0]?.proto ?? message.proto
  header[7] = fields.hopLimit ?? 64
  src.copy(header, 8)
  dst.copy(header, 24)
  return Buffer.concat([header, payload])
}

/** The extension headers, each naming the next. */
function chained(extensions: readonly Extension[], last: number): Buffer[] {
  return extensions.map(({ bytes }, i) => {
    const copy = Buffer.from(bytes)
    copy[0] = extensions[i + 1]?.proto ?? last
    return copy
  })
}

/** Where a routing header with segments left leads in the end: types 0 and 2 name it last, type 4 first. */
function finalDst(proto: number, bytes: Buffer): Buffer | undefined {
  if (proto !== PROTO.ROUTING || bytes.length < 24 || bytes[3] === 0) return undefined
  return bytes[2] === 4 ? bytes.subarray(8, 24) : bytes.subarray(bytes.length - 16)
}

/** Undefined when it is no IPv6 header or ends inside it or its extension headers. */
export function parseIpv6(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < 40 || bytes[0]! >> 4 !== 6) return undefined
  const length = 40 + bytes.readUInt16BE(4)
  const found = walk(bytes.subarray(0, length))
  if (!found) return undefined
  const dst = bytes.subarray(24, 40)
  return {
    version: 6,
    src: bytes.subarray(8, 24),
    dst,
    finalDst: found.extensions.reduce((last, { proto, bytes }) => finalDst(proto, bytes) ?? last, dst),
    ttl: bytes[7]!,
    length,
    headerLength: found.at,
    proto: found.proto,
    ...(found.fragment ? { fragment: found.fragment } : {}),
    extensions: found.extensions,
    header: bytes.subarray(0, found.at),
    payload: bytes.subarray(found.at, length),
    isWhole: bytes.length >= length,
  }
}

interface Walk {
  readonly at: number
  readonly proto: number
  readonly extensions: readonly FoundExtension[]
  readonly fragment?: Fragment
}

function walk(bytes: Buffer): Walk | undefined {
  const extensions: FoundExtension[] = []
  let fragment: Fragment | undefined
  let proto = bytes[6]!
  let at = 40
  // A fragment that is not the first holds no further header.
  while (isExtension(proto) && !(fragment && fragment.offset > 0)) {
    if (bytes.length < at + 8) return undefined
    const size = extensionSize(proto, bytes[at + 1]!)
    if (bytes.length < at + size) return undefined
    extensions.push({ proto, bytes: bytes.subarray(at, at + size) })
    if (proto === PROTO.FRAGMENT) fragment = fragmentOf(bytes, at)
    proto = bytes[at]!
    at += size
  }
  return { at, proto, extensions, ...(fragment ? { fragment } : {}) }
}

function isExtension(proto: number): boolean {
  const { HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, AH } = PROTO
  return proto === HOP_BY_HOP || proto === ROUTING || proto === FRAGMENT || proto === DESTINATION || proto === AH
}

function extensionSize(proto: number, lengthField: number): number {
  if (proto === PROTO.FRAGMENT) return 8
  return proto === PROTO.AH ? (lengthField + 2) * 4 : (lengthField + 1) * 8
}

function fragmentOf(bytes: Buffer, at: number): Fragment {
  const bits = bytes.readUInt16BE(at + 2)
  return { id: bytes.readUInt32BE(at + 4), offset: bits & 0xfff8, more: (bits & 1) === 1 }
}
