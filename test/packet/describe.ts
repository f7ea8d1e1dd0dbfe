// SPDX-License-Identifier: Apache-2.0
/** One line about a frame, in the manner of tcpdump, so that a failed test shows the packet. */
import { addressText, macText } from './address.ts'
import { checkPacket } from './check.ts'
import type { IpPacket } from './ip.ts'
import { type Packet, parse, parseTransport, quoted, type Transport } from './packet.ts'

export function describe(frame: Buffer): string {
  const packet = parse(frame)
  if (!packet) return `${frame.length} bytes: ${frame.toString('hex')}`
  const faults = checkPacket(frame)
  const verdict = faults.length > 0 ? ` (${faults.join('; ')})` : ''
  return `${linkText(packet)} ${ipText(packet.ip, packet.transport)}${quoteText(packet)}${verdict}`
}

const SHOWN_BYTES = 256

/** The line, and the first bytes to feed to another tool. */
export function describeFully(frame: Buffer): string {
  const rest = frame.length > SHOWN_BYTES ? `... ${frame.length} bytes` : ''
  return `${describe(frame)}\n  ${frame.toString('hex', 0, SHOWN_BYTES)}${rest}`
}

function linkText({ ethernet: link }: Packet): string {
  const tags = link.tags.map(tag => ` vlan ${tag.tci & 0xfff}`).join('')
  return `${macText(link.src)} > ${macText(link.dst)}${tags}`
}

function ipText(ip: IpPacket | undefined, transport: Transport | undefined): string {
  if (!ip) return 'no IP header'
  const ends = `${endText(ip.src, transport, 'sport')} > ${endText(ip.dst, transport, 'dport')}`
  const extensions = ip.extensions.length > 0 ? ` ext [${ip.extensions.map(e => e.proto).join(',')}]` : ''
  const options = ip.version === 4 && ip.headerLength > 20 ? ` options ${ip.headerLength - 20}` : ''
  const piece = ip.fragment
  const fragment =
    piece && (piece.more || piece.offset) ? ` frag ${piece.id}:${piece.offset}${piece.more ? '+' : ''}` : ''
  const name = ip.version === 4 ? 'IP' : 'IP6'
  return `${name} ${ends} ttl ${ip.ttl} len ${ip.length}${options}${extensions}${fragment}: ${transportText(ip, transport)}`
}

function endText(address: Buffer, transport: Transport | undefined, side: 'sport' | 'dport'): string {
  const text = addressText(address)
  if (!transport || !('sport' in transport)) return text
  return address.length === 4 ? `${text}:${transport[side]}` : `[${text}]:${transport[side]}`
}

function transportText(ip: IpPacket, transport: Transport | undefined): string {
  if (!transport) return `proto ${ip.proto} data ${ip.payload.length}`
  const sum = `sum ${transport.checksum.toString(16).padStart(4, '0')}`
  if (transport.kind === 'tcp') {
    return `tcp [${transport.flags}] seq ${transport.seq} ack ${transport.ack} ${sum} data ${transport.payload.length}`
  }
  if (transport.kind === 'udp') return `udp ${sum} length ${transport.length}`
  if (transport.kind === 'sctp') return `sctp tag ${transport.tag} ${sum} chunks ${transport.chunks.length}`
  const rest = transport.rest.toString(16).padStart(8, '0')
  return `${transport.kind} type ${transport.type} code ${transport.code} rest ${rest} ${sum}`
}

function quoteText(packet: Packet): string {
  const inner = quoted(packet)
  return inner ? ` {${ipText(inner, parseTransport(inner))}, ${inner.header.length + inner.payload.length} bytes}` : ''
}
