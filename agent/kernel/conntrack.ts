// SPDX-License-Identifier: Apache-2.0
/** Connections that the kernel's connection tracking translates, asked over netlink (<linux/netfilter/nfnetlink_conntrack.h>). */
import { readFileSync } from 'node:fs'
import { addressBytes } from './address.ts'
import { bridge } from './bridge.ts'
import { type Attributes, attributes, dump } from './netlink.ts'

/** One direction of a connection, as its packets come in. */
export interface Direction {
  /** 16 bytes; IPv4 is mapped. */
  readonly saddr: Uint8Array
  readonly daddr: Uint8Array
  readonly sport: number
  readonly dport: number
}

export interface Translated {
  readonly original: Direction
  readonly reply: Direction
}

/** NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET */
const GET = (1 << 8) | 1
/** struct nfgenmsg: family (any), version, resource. */
const NFGENMSG = 4
const CTA = { ORIGINAL: 1, REPLY: 2, STATUS: 3 } as const
const TUPLE = { ADDRESSES: 1, PORTS: 2 } as const
const ADDRESSES = { V4_SOURCE: 1, V4_TARGET: 2, V6_SOURCE: 3, V6_TARGET: 4 } as const
const PORTS = { PROTOCOL: 1, SOURCE: 2, TARGET: 3 } as const
/** IPS_DST_NAT of <linux/netfilter/nf_conntrack_common.h>. */
const DESTINATION_TRANSLATED = 1 << 5
const TCP = 6
/** Of this network namespace. Not there: nothing is tracked, and to ask would load the module. */
const COUNT_FILE = '/proc/sys/net/netfilter/nf_conntrack_count'

/** TCP connections whose target is translated. Throws KernelError. */
export function translatedConnections(): Translated[] {
  if (!isTracking()) return []
  // Kernels from 5.16 on look at the status; what others send besides is left out below.
  const status = Buffer.alloc(8)
  status.writeUInt16LE(8, 0)
  status.writeUInt16LE(CTA.STATUS, 2)
  status.writeUInt32BE(DESTINATION_TRANSLATED, 4)
  const body = Buffer.concat([Buffer.alloc(NFGENMSG), status])
  const found = dump(GET, body, 'tracked connections', () => bridge.netfilterOpen())
  return found.flatMap(({ body }) => translated(attributes(body, NFGENMSG)) ?? [])
}

function isTracking(): boolean {
  try {
    return Number(readFileSync(COUNT_FILE, 'utf8')) > 0
  } catch {
    return false
  }
}

function translated(connection: Attributes): Translated | undefined {
  const status = connection.get(CTA.STATUS)?.readUInt32BE() ?? 0
  const original = direction(connection.get(CTA.ORIGINAL))
  const reply = direction(connection.get(CTA.REPLY))
  return status & DESTINATION_TRANSLATED && original && reply ? { original, reply } : undefined
}

/** undefined: not TCP. */
function direction(tuple: Buffer | undefined): Direction | undefined {
  const parts = attributes(tuple ?? Buffer.alloc(0), 0)
  const ports = attributes(parts.get(TUPLE.PORTS) ?? Buffer.alloc(0), 0)
  const addresses = attributes(parts.get(TUPLE.ADDRESSES) ?? Buffer.alloc(0), 0)
  const saddr = addresses.get(ADDRESSES.V4_SOURCE) ?? addresses.get(ADDRESSES.V6_SOURCE)
  const daddr = addresses.get(ADDRESSES.V4_TARGET) ?? addresses.get(ADDRESSES.V6_TARGET)
  const [sport, dport] = [ports.get(PORTS.SOURCE), ports.get(PORTS.TARGET)]
  if (ports.get(PORTS.PROTOCOL)?.[0] !== TCP || !saddr || !daddr || !sport || !dport) return undefined
  return { saddr: mapped(saddr), daddr: mapped(daddr), sport: sport.readUInt16BE(), dport: dport.readUInt16BE() }
}

function mapped(address: Buffer): Uint8Array {
  return address.length === 4 ? addressBytes(address.join('.')) : Uint8Array.from(address)
}
