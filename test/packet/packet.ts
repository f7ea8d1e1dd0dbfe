// SPDX-License-Identifier: Apache-2.0
/** A frame taken apart into its layers. */
import { type Ethernet, parseEthernet } from './ethernet.ts'
import type { Icmp } from './icmp.ts'
import { parseIcmp4 } from './icmp4.ts'
import { parseIcmp6 } from './icmp6.ts'
import type { IpPacket } from './ip.ts'
import { parseIpv4 } from './ipv4.ts'
import { parseIpv6 } from './ipv6.ts'
import { ETHERTYPE, PROTO } from './protocol.ts'
import { parseSctp, type Sctp } from './sctp.ts'
import { parseTcp, type Tcp } from './tcp.ts'
import { parseUdp, type Udp } from './udp.ts'

export type Transport = Tcp | Udp | Sctp | Icmp

export interface Packet {
  readonly ethernet: Ethernet
  readonly ip?: IpPacket
  /** Absent for later fragments, unknown protocols, and headers that are cut. */
  readonly transport?: Transport
}

/** Undefined when the frame has no whole Ethernet header. */
export function parse(frame: Buffer): Packet | undefined {
  const link = parseEthernet(frame)
  if (!link) return undefined
  const ip = isIp(link.type) ? parseIp(link.payload) : undefined
  if (!ip || versionOf(link.type) !== ip.version) return { ethernet: link }
  const transport = parseTransport(ip)
  return { ethernet: link, ip, ...(transport ? { transport } : {}) }
}

function isIp(type: number): boolean {
  return type === ETHERTYPE.IPV4 || type === ETHERTYPE.IPV6
}

function versionOf(type: number): 4 | 6 {
  return type === ETHERTYPE.IPV4 ? 4 : 6
}

export function parseIp(bytes: Buffer): IpPacket | undefined {
  return parseIpv4(bytes) ?? parseIpv6(bytes)
}

export function parseTransport(ip: IpPacket): Transport | undefined {
  if (ip.fragment && ip.fragment.offset > 0) return undefined
  if (ip.proto === PROTO.TCP) return parseTcp(ip.payload)
  if (ip.proto === PROTO.UDP) return parseUdp(ip.payload)
  if (ip.proto === PROTO.SCTP) return parseSctp(ip.payload)
  if (ip.proto === PROTO.ICMP4 && ip.version === 4) return parseIcmp4(ip.payload)
  if (ip.proto === PROTO.ICMP6 && ip.version === 6) return parseIcmp6(ip.payload)
  return undefined
}

/** The packet that an ICMP error quotes, as far as it is there. */
export function quoted(packet: Packet): IpPacket | undefined {
  const { transport } = packet
  return transport && 'isError' in transport && transport.isError ? parseIp(transport.payload) : undefined
}
