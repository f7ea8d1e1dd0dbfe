// SPDX-License-Identifier: Apache-2.0
/** Whether a frame is right: every length and every checksum, straight from the RFCs. */
import { pseudoHeader, residue } from './checksum.ts'
import type { Icmp } from './icmp.ts'
import type { IpPacket } from './ip.ts'
import { type Packet, parse, parseTransport, quoted } from './packet.ts'
import { PROTO } from './protocol.ts'
import { sctpChecksum } from './sctp.ts'

/** Everything that is wrong with the frame, in words; empty when nothing is. Unknown protocols are not judged. */
export function checkPacket(frame: Buffer): string[] {
  const packet = parse(frame)
  if (!packet) return ['no whole Ethernet header']
  const { type } = packet.ethernet
  if (!packet.ip) return type === 0x0800 || type === 0x86dd ? ['no whole IP header'] : []
  return [...checkIp(packet.ip), ...checkTransport(packet.ip), ...checkQuote(packet)]
}

function checkIp(ip: IpPacket): string[] {
  const faults = headerFaults(ip, '')
  if (!ip.isWhole) faults.push(`IP length ${ip.length} is more than is there or less than the header`)
  return faults
}

/** The header checksum, which IPv6 does not have. */
function headerFaults(ip: IpPacket, prefix: string): string[] {
  return ip.version === 4 && residue(ip.header) !== 0 ? [`${prefix}IPv4 header checksum is wrong`] : []
}

/** A fragment can't be judged: checkPacket takes the whole from reassemble(). */
function checkTransport(ip: IpPacket): string[] {
  if (ip.fragment && (ip.fragment.offset > 0 || ip.fragment.more)) return []
  const transport = parseTransport(ip)
  if (!transport) return isKnown(ip) ? [`protocol ${ip.proto}: header is cut or malformed`] : []
  if (transport.kind === 'sctp') {
    return sctpChecksum(ip.payload) === transport.checksum ? [] : ['SCTP checksum is wrong']
  }
  if (transport.kind === 'udp') return udpFaults(ip, transport.length, transport.checksum)
  return transportResidue(ip) === 0 ? [] : [`${transport.kind} checksum is wrong`]
}

function isKnown({ proto, version }: IpPacket): boolean {
  if (proto === PROTO.TCP || proto === PROTO.UDP || proto === PROTO.SCTP) return true
  return proto === (version === 4 ? PROTO.ICMP4 : PROTO.ICMP6)
}

function udpFaults(ip: IpPacket, length: number, checksum: number): string[] {
  if (length !== ip.payload.length) return [`UDP length ${length}, but ${ip.payload.length} bytes are there`]
  // RFC 768: zero means none. RFC 8200 8.1: not over IPv6.
  if (checksum === 0) return ip.version === 4 ? [] : ['UDP checksum is zero over IPv6']
  return transportResidue(ip) === 0 ? [] : ['udp checksum is wrong']
}

/** 0 when the transport's Internet checksum is right; see residue(). Meaningless for SCTP. */
export function transportResidue(ip: IpPacket): number {
  if (ip.proto === PROTO.ICMP4 && ip.version === 4) return residue(ip.payload)
  return residue(pseudoHeader(ip.src, ip.finalDst, ip.proto, ip.payload.length), ip.payload)
}

/** What an ICMP error quotes: the header's checksum, and the transport's when the quote holds all of it. */
function checkQuote(packet: Packet): string[] {
  const inner = quoted(packet)
  const icmp = packet.transport as Icmp | undefined
  if (!inner) return icmp && 'isError' in icmp && icmp.isError ? ['ICMP error without a quoted packet'] : []
  const faults = headerFaults(inner, 'quoted ')
  if (inner.isWhole) faults.push(...checkTransport(inner).map(fault => `quoted ${fault}`))
  return faults
}
