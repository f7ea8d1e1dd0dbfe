// SPDX-License-Identifier: Apache-2.0
/** Splits an IP packet into fragments, and puts fragments together again (RFC 791 3.2, RFC 8200 4.5). */
import { internetChecksum } from './checksum.ts'
import { fragmentHeader } from './extension.ts'
import type { Fragment, IpPacket } from './ip.ts'
import { parseIp } from './packet.ts'
import { PROTO } from './protocol.ts'

/** Each fragment carries `size` bytes of payload (a multiple of 8), the last one the rest. */
export function fragments(packet: Buffer, size: number, id: number): Buffer[] {
  const ip = parseIp(packet)
  if (!ip) throw new Error('fragments: not an IP packet')
  const pieces: Buffer[] = []
  for (let offset = 0; offset < ip.payload.length; offset += size) {
    const more = offset + size < ip.payload.length
    const data = ip.payload.subarray(offset, offset + size)
    pieces.push(ip.version === 4 ? piece4(ip, { id, offset, more }, data) : piece6(ip, { id, offset, more }, data))
  }
  return pieces
}

function piece4(ip: IpPacket, fragment: Fragment, data: Buffer): Buffer {
  const header = Buffer.from(ip.header)
  header.writeUInt16BE(header.length + data.length, 2)
  header.writeUInt16BE(fragment.id & 0xffff, 4)
  header.writeUInt16BE((fragment.more ? 0x2000 : 0) | (fragment.offset >> 3), 6)
  return Buffer.concat([closed(header), data])
}

/** All extension headers of the packet go before the fragment header. */
function piece6(ip: IpPacket, fragment: Fragment, data: Buffer): Buffer {
  const header = Buffer.from(ip.header)
  const extension = Buffer.from(fragmentHeader(fragment).bytes)
  header[lastNextHeader(ip)] = PROTO.FRAGMENT
  extension[0] = ip.proto
  header.writeUInt16BE(header.length - 40 + extension.length + data.length, 4)
  return Buffer.concat([header, extension, data])
}

/** Where the header names the protocol of its payload. */
function lastNextHeader(ip: IpPacket): number {
  const last = ip.extensions.at(-1)
  return last ? ip.headerLength - last.bytes.length : 6
}

function closed(header: Buffer): Buffer {
  header.writeUInt16BE(0, 10)
  header.writeUInt16BE(internetChecksum(header), 10)
  return header
}

/** The whole IP packet; fragments in any order, none missing. IPv6: the fragment header is the last extension header. */
export function reassemble(pieces: readonly Buffer[]): Buffer {
  const parsed = pieces.map(bytes => parseIp(bytes)!).sort((a, b) => a.fragment!.offset - b.fragment!.offset)
  const first = parsed[0]!
  const data = Buffer.concat(parsed.map(ip => ip.payload))
  if (first.version === 4) {
    const header = Buffer.from(first.header)
    header.writeUInt16BE(header.length + data.length, 2)
    header.writeUInt16BE(0, 6)
    return Buffer.concat([closed(header), data])
  }
  const header = Buffer.from(first.header.subarray(0, first.headerLength - 8))
  const before = first.extensions.at(-2)
  header[before ? header.length - before.bytes.length : 6] = first.proto
  header.writeUInt16BE(header.length - 40 + data.length, 4)
  return Buffer.concat([header, data])
}
