// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a program treated a frame, however broken, as it may: what is not for a Service leaves as it came, or what is for a backend
 * itself from another port; in a translated packet only addresses, ports and checksums differ, and every checksum is as right or
 * wrong as before; an answer is a right ICMP error.
 */
import { addressText } from '../packet/address.ts'
import { checkPacket } from '../packet/check.ts'
import { fold, pseudoHeader, residue } from '../packet/checksum.ts'
import { type Ethernet, parseEthernet } from '../packet/ethernet.ts'
import type { Icmp } from '../packet/icmp.ts'
import type { IpPacket } from '../packet/ip.ts'
import { type Packet, parse, parseIp } from '../packet/packet.ts'
import { ETHERTYPE, PROTO } from '../packet/protocol.ts'
import type { Tcp } from '../packet/tcp.ts'
import { type Outcome, type Program, VERDICT } from './harness.ts'

/** Addresses, as text. */
export interface Known {
  readonly services: ReadonlySet<string>
  readonly backends: ReadonlySet<string>
}

export const TREATMENTS = [
  'passed',
  'foreign',
  'dropped',
  'translated',
  'error translated',
  'from another port',
  'hairpin',
  'refused',
  'reset',
] as const
export type Treatment = (typeof TREATMENTS)[number]

/** What was done, or throws with what is wrong about it. */
export function judge(program: Program, frame: Buffer, outcome: Outcome, known: Known): Treatment {
  const isSame = outcome.verdict === VERDICT.PASS && outcome.frame.equals(frame)
  const before = parseFrame(frame)
  if (!before || !isOurs(program, before, known)) {
    if (before && !isSame && isForBackend(before, known)) return expectOtherPort(frame, before, outcome)
    if (!isSame) throw new Error('not for a Service, but changed or stopped')
    return 'foreign'
  }
  if (isSame) return 'passed'
  if (outcome.verdict === VERDICT.SHOT) return 'dropped'
  const after = parseFrame(outcome.frame)
  if (!after?.ip) throw new Error('no IP packet any more')
  if (outcome.verdict === VERDICT.PASS) {
    expectTranslated(frame, before, outcome.frame, after)
    return quoted(before) ? 'error translated' : 'translated'
  }
  if (outcome.verdict !== VERDICT.REDIRECT) throw new Error(`verdict ${outcome.verdict}`)
  if (isAnswer(frame, before.ethernet, after)) {
    expectAnswer(before, outcome.frame, after)
    return 'refused'
  }
  if (isReset(before, after)) {
    expectReset(frame, before, outcome.frame, after)
    return 'reset'
  }
  expectTranslated(macsSwapped(frame), before, outcome.frame, after)
  return 'hairpin'
}

/** Flows are found by the dialled address on the way in and by the backend's on the way out; errors by their quote turned round. */
function isOurs(program: Program, packet: Packet, known: Known): boolean {
  const ends = endsOf(packet.ethernet)
  const inner = quoted(packet)
  const has = (set: ReadonlySet<string>, address: Buffer | undefined) =>
    address !== undefined && set.has(addressText(address))
  if (program === 'tc_pod_ingress') return has(known.services, ends?.dst) || has(known.services, inner?.src)
  return has(known.backends, ends?.src) || has(known.backends, inner?.dst)
}

/** A connection to a backend itself, or an error about one. */
function isForBackend(packet: Packet, { backends }: Known): boolean {
  const to = quoted(packet)?.src ?? packet.ip?.dst
  return to !== undefined && backends.has(addressText(to))
}

/** A Service's flow has the port that it came from. */
function expectOtherPort(frame: Buffer, before: Packet, { verdict, frame: out }: Outcome): Treatment {
  const after = parseFrame(out)
  if (verdict !== VERDICT.PASS || !after?.ip) throw new Error('not for a Service, but stopped')
  expectTranslated(frame, before, out, after)
  const [was, is] = [endsOf(before.ethernet), endsOf(after.ethernet)]
  const stays = was && is && was.src.equals(is.src) && was.dst.equals(is.dst)
  // An error goes where what it quotes came from.
  if (!stays && !quoted(before)) throw new Error('not for a Service, but led elsewhere')
  return 'from another port'
}

/** From the fixed header, also when what follows is broken. */
function endsOf({ type, payload }: Ethernet): { readonly src: Buffer; readonly dst: Buffer } | undefined {
  const version = payload.length > 0 ? payload[0]! >> 4 : 0
  if (type === ETHERTYPE.IPV4 && version === 4 && payload.length >= 20) {
    return { src: payload.subarray(12, 16), dst: payload.subarray(16, 20) }
  }
  if (type !== ETHERTYPE.IPV6 || version !== 6 || payload.length < 40) return undefined
  return { src: payload.subarray(8, 24), dst: payload.subarray(24, 40) }
}

/** Length zero is how the stack names a packet that is longer than the field can say (BIG TCP; RFC 2675): it goes to the end. */
function withLength(packet: Buffer): Buffer {
  const version = packet.length < 20 ? 0 : packet[0]! >> 4
  const at = version === 6 ? 4 : 2
  if ((version !== 4 && version !== 6) || packet.readUInt16BE(at) > 0) return packet
  const copy = Buffer.from(packet)
  const length = Math.max(0, packet.length - (version === 6 ? 40 : 0))
  copy.writeUInt16BE(length, at)
  // The header is to be as right or wrong as it was.
  if (version === 4) copy.writeUInt16BE(fold(copy.readUInt16BE(10) + 0xffff - length), 10)
  return copy
}

function parseFrame(frame: Buffer): Packet | undefined {
  const start = parseEthernet(frame)?.headerLength ?? frame.length
  return parse(Buffer.concat([frame.subarray(0, start), withLength(frame.subarray(start))]))
}

/** The packet that an ICMP error quotes. */
function quoted({ transport }: Packet): IpPacket | undefined {
  return transport && 'isError' in transport && transport.isError ? parseIp(withLength(transport.payload)) : undefined
}

function macsSwapped(frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)])
}

type Range = readonly [at: number, length: number]

function expectTranslated(frame: Buffer, before: Packet, out: Buffer, after: Packet): void {
  const { ip } = before
  if (!ip) throw new Error('translated, but it is malformed')
  const start = before.ethernet.headerLength
  const ranges = [...headerRanges(ip, start), ...transportRanges(ip, start)]
  const inner = quoted(before)
  if (inner) {
    const at = start + ip.headerLength + 8
    ranges.push([start + ip.headerLength + 2, 2], ...headerRanges(inner, at), ...transportRanges(inner, at))
  }
  if (!restoredFrom(out, frame, ranges).equals(frame))
    throw new Error('more changed than addresses, ports and checksums')
  expectSameSums(ip, after.ip!, '')
  const innerAfter = quoted(after)
  if (inner && innerAfter) expectSameSums(inner, innerAfter, 'quoted ')
  const faults = checkPacket(frame).length === 0 ? checkPacket(out) : []
  if (faults.length > 0) throw new Error(`was right, but now: ${faults.join(', ')}`)
}

/** Addresses, and the checksum of an IPv4 header. */
function headerRanges(ip: IpPacket, at: number): Range[] {
  return ip.version === 6 ? [[at + 8, 32]] : [[at + 10, 10]]
}

/** Ports and checksum, as far as they are there. */
function transportRanges(ip: IpPacket, start: number): Range[] {
  if (ip.fragment && ip.fragment.offset > 0) return []
  const at = start + ip.headerLength
  if (ip.proto === PROTO.TCP)
    return [
      [at, 4],
      [at + 16, 2],
    ]
  if (ip.proto === PROTO.SCTP)
    return [
      [at, 4],
      [at + 8, 4],
    ]
  return ip.proto === PROTO.UDP
    ? [
        [at, 4],
        [at + 6, 2],
      ]
    : []
}

function restoredFrom(out: Buffer, frame: Buffer, ranges: readonly Range[]): Buffer {
  const restored = Buffer.from(out)
  const present = ranges.filter(([at]) => at < frame.length)
  for (const [at, length] of present) frame.copy(restored, at, at, at + length)
  return restored
}

function expectSameSums(before: IpPacket, after: IpPacket, prefix: string): void {
  if (before.version === 4 && residue(before.header) !== residue(after.header))
    throw new Error(`${prefix}IPv4 header checksum`)
  if (before.fragment && before.fragment.offset > 0) return
  const sum = checksumOf(before)
  if (sum === undefined) return
  const sumAfter = checksumOf(after)
  if (before.proto === PROTO.UDP && (sum === 0) !== (sumAfter === 0)) throw new Error(`${prefix}UDP checksum zero`)
  if (before.proto === PROTO.UDP && sum === 0) return
  if (transportSum(before) !== transportSum(after)) throw new Error(`${prefix}transport checksum`)
}

/** Undefined where the packet ends before it, or has none that covers what is translated. */
function checksumOf(ip: IpPacket): number | undefined {
  const { TCP, UDP, ICMP4, ICMP6 } = PROTO
  const icmp = ip.version === 4 ? ICMP4 : ICMP6
  const at = ip.proto === TCP ? 16 : ip.proto === UDP ? 6 : ip.proto === icmp ? 2 : undefined
  const bytes = ip.payload
  return at === undefined || bytes.length < at + 2 ? undefined : bytes.readUInt16BE(at)
}

function transportSum(ip: IpPacket): number {
  const bytes = ip.payload
  if (ip.proto === PROTO.ICMP4) return residue(bytes)
  // Not to its routing header's last address: programs leave such packets alone.
  return residue(pseudoHeader(ip.src, ip.dst, ip.proto, bytes.length), bytes)
}

/** Told from an ICMP error that was translated by what it quotes. */
function isAnswer(sent: Buffer, link: Ethernet, after: Packet): boolean {
  const { transport, ip } = after
  const ends = endsOf(link)!
  if (!transport || !('isError' in transport) || transport.code !== (ip!.version === 4 ? 3 : 4)) return false
  const { payload: quote, isError } = transport
  const isQuoted = quote.equals(sent.subarray(link.headerLength, link.headerLength + quote.length))
  return isError && isQuoted && ip!.src.equals(ends.dst) && ip!.dst.equals(ends.src)
}

/** A SYN that came back as a RST, from where it was going to. */
function isReset(before: Packet, after: Packet): boolean {
  const [sent, got] = [before.transport, after.transport]
  if (sent?.kind !== 'tcp' || got?.kind !== 'tcp' || !before.ip || !after.ip) return false
  const isTurned = after.ip.src.equals(before.ip.dst) && after.ip.dst.equals(before.ip.src)
  return isTurned && got.flags === 'RA' && sent.flags.includes('S') && !sent.flags.includes('A')
}

/** RFC 9293 3.5.2: from the port that was dialled, acknowledging the SYN alone. */
function expectReset(frame: Buffer, before: Packet, out: Buffer, after: Packet): void {
  const [sent, got] = [before.transport as Tcp, after.transport as Tcp]
  if (got.sport !== sent.dport || got.dport !== sent.sport) throw new Error('the RST has other ports')
  if (got.seq !== 0 || got.ack !== (sent.seq + 1) >>> 0) throw new Error('the RST has other numbers')
  if (got.headerLength !== 20 || got.payload.length > 0) throw new Error('the RST is longer than its header')
  if (!after.ethernet.dst.equals(before.ethernet.src) || !after.ethernet.src.equals(before.ethernet.dst))
    throw new Error('the RST goes to another MAC')
  expectSameSums(before.ip!, after.ip!, 'RST: ')
  const faults = checkPacket(frame).length === 0 ? checkPacket(out) : []
  if (faults.length > 0) throw new Error(`the RST is wrong: ${faults.join(', ')}`)
}

function expectAnswer(before: Packet, out: Buffer, after: Packet): void {
  const { payload: quote } = after.transport as Icmp
  // Of IPv6 at least the 8 bytes after the fixed header: extensions may be the protocol that was refused.
  const header = before.ip?.version === 4 ? before.ip.headerLength : 40
  if (quote.length < header + 8) throw new Error('the quote is too short')
  if (isUnanswerable(before)) throw new Error('never answered (RFC 1122 3.2.2)')
  if (!after.ethernet.dst.equals(before.ethernet.src) || !after.ethernet.src.equals(before.ethernet.dst))
    throw new Error('the answer goes to another MAC')
  // What it quotes may have been wrong before, and too long to be quoted with all its headers.
  const faults = checkPacket(out).filter(fault => !fault.includes('quoted'))
  if (faults.length > 0) throw new Error(`the answer is wrong: ${faults.join(', ')}`)
}

/** ICMP errors and later fragments. What is behind an authentication header is not looked at. */
function isUnanswerable({ ip, transport }: Packet): boolean {
  if (!ip || ip.extensions.some(({ proto }) => proto === PROTO.AH)) return false
  const isError = transport !== undefined && 'isError' in transport && transport.isError
  return isError || (ip.fragment?.offset ?? 0) > 0
}
