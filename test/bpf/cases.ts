// SPDX-License-Identifier: Apache-2.0
/** The same test for both IP versions and each protocol: who talks to whom, and frames between them. */
import { type EthernetFields, ethernet } from '../packet/ethernet.ts'
import type { Extension } from '../packet/extension.ts'
import { type Ipv4Fields, ipv4 } from '../packet/ipv4.ts'
import { ipv6 } from '../packet/ipv6.ts'
import { type Message, PROTO } from '../packet/protocol.ts'
import { sctp } from '../packet/sctp.ts'
import { tcp } from '../packet/tcp.ts'
import { udp } from '../packet/udp.ts'
import type { Endpoint } from './services.ts'

export interface Case {
  readonly name: string
  readonly version: 4 | 6
  readonly proto: number
  readonly client: Endpoint
  readonly vip: Endpoint
  /** Neither a pod of ours nor a Service. */
  readonly stranger: Endpoint
  readonly router: string
  /** The n-th backend, n up to 250. */
  readonly backend: (n: number) => Endpoint
}

function makeCase(name: string, version: 4 | 6, proto: number): Case {
  const address = (four: string, six: string) => (version === 4 ? four : six)
  return {
    name: `${name} over IPv${version}`,
    version,
    proto,
    client: { address: address('10.0.1.5', 'fd00:1::5'), port: 40_001 },
    vip: { address: address('10.96.0.10', 'fd96::10'), port: 80 },
    stranger: { address: address('192.0.2.7', '2001:db8::7'), port: 80 },
    router: address('10.0.0.254', 'fd00::fe'),
    backend: n => ({ address: address(`10.0.2.${n}`, `fd00:2::${n.toString(16)}`), port: 8080 }),
  }
}

export const TCP4 = makeCase('TCP', 4, PROTO.TCP)
export const TCP6 = makeCase('TCP', 6, PROTO.TCP)
export const UDP4 = makeCase('UDP', 4, PROTO.UDP)
export const UDP6 = makeCase('UDP', 6, PROTO.UDP)
export const SCTP4 = makeCase('SCTP', 4, PROTO.SCTP)
export const SCTP6 = makeCase('SCTP', 6, PROTO.SCTP)

export const CASES: readonly Case[] = [TCP4, TCP6, UDP4, UDP6]

export interface FrameFields extends EthernetFields {
  /** TCP; default "S". */
  readonly flags?: string
  readonly payload?: Buffer
  readonly ttl?: number
  readonly tos?: number
  readonly id?: number
  /** Of the transport, instead of the right one. */
  readonly checksum?: number
  readonly options?: Buffer
  readonly extensions?: readonly Extension[]
}

/** What the client would send to `to`, or `from` to the client: a frame from one endpoint to the other. */
export function frameBetween(test: Case, from: Endpoint, to: Endpoint, fields: FrameFields = {}): Buffer {
  return ethernet(fields, packetBetween(test, from, to, fields))
}

export function packetBetween(test: Case, from: Endpoint, to: Endpoint, fields: FrameFields = {}): Buffer {
  return ipBetween(test.version, from.address, to.address, message(test.proto, from.port, to.port, fields), fields)
}

/** An IP packet of either version. */
export function ipBetween(version: 4 | 6, src: string, dst: string, inner: Message, fields: FrameFields = {}): Buffer {
  const { ttl = 64, tos = 0, id = 0x1234, extensions = [] } = fields
  if (version === 6) return ipv6({ src, dst, hopLimit: ttl, trafficClass: tos, extensions }, inner)
  const options: Pick<Ipv4Fields, 'options'> = fields.options ? { options: fields.options } : {}
  return ipv4({ src, dst, ttl, tos, id, ...options }, inner)
}

function message(proto: number, sport: number, dport: number, fields: FrameFields): Message {
  const { flags = 'S', payload = Buffer.from('hello'), checksum } = fields
  const sum = checksum === undefined ? {} : { checksum }
  if (proto === PROTO.TCP) return tcp({ sport, dport, flags, payload, ...sum })
  if (proto === PROTO.SCTP) return sctp({ sport, dport, ...sum, ...(fields.payload && { chunks: fields.payload }) })
  return udp({ sport, dport, payload, ...sum })
}
