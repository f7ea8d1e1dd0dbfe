// SPDX-License-Identifier: Apache-2.0
/** What can be allocated: cluster IPs of a family, node ports. Each is a numbered row of values. */
import ipaddr from 'ipaddr.js'
import { SourceError } from '../source.ts'
import { canonicalCIDR, type Family, familyOf } from './address.ts'

/** One thing to allocate from. */
export interface Range {
  /** As configured, for messages. */
  readonly text: string
  readonly size: number
  /** The value at this index, 0 to size - 1. */
  readonly at: (index: number) => string
  readonly contains: (value: string) => boolean
}

export interface Ranges {
  /** Families that have a range, the default family first. */
  readonly families: readonly Family[]
  readonly clusterIP: Readonly<Record<Family, Range | undefined>>
  readonly nodePort: Range
}

export interface RangeOptions {
  /** At most one of each family; the first is the default family. */
  readonly serviceCIDRs?: readonly string[] | undefined
  /** "first-last". */
  readonly nodePortRange?: string | undefined
}

export const DEFAULT_SERVICE_CIDRS: readonly string[] = ['10.96.0.0/16', 'fd00:96::/112']
export const DEFAULT_NODE_PORT_RANGE = '30000-32767'

/** Bits of an address that are chosen: more than 2^20 addresses of one range are not used, as in the API server. */
const MAX_HOST_BITS = 20

export function readRanges(options: RangeOptions): Ranges {
  const cidrs = (options.serviceCIDRs ?? DEFAULT_SERVICE_CIDRS).map(text => {
    const cidr = canonicalCIDR(text)
    if (cidr === undefined) throw new SourceError(`serviceCIDRs: "${text}" is not a range such as 10.96.0.0/16`)
    return cidr
  })
  const families = cidrs.map(familyOf)
  if (families.length === 0 || new Set(families).size < families.length) {
    throw new SourceError(
      `serviceCIDRs: ${cidrs.join(', ') || 'nothing'}: give one range, or one IPv4 and one IPv6 range`,
    )
  }
  const of = (family: Family) => cidrs.filter(cidr => familyOf(cidr) === family).map(addressRange)[0]
  return {
    families,
    clusterIP: { IPv4: of('IPv4'), IPv6: of('IPv6') },
    nodePort: portRange(options.nodePortRange ?? DEFAULT_NODE_PORT_RANGE),
  }
}

/** Without the network's own address and, of IPv4, the broadcast address. Index 0 is for default/kubernetes. */
function addressRange(cidr: string): Range {
  const [network, bits] = ipaddr.parseCIDR(cidr)
  const bytes = network.toByteArray()
  const host = Math.min(bytes.length * 8 - bits, MAX_HOST_BITS)
  const base = zeroHostBits(bytes, bits)
  const size = 2 ** host - (bytes.length === 4 ? 2 : 1)
  if (size < 1) throw new SourceError(`serviceCIDRs: ${cidr} has no address to give: take a larger range`)
  return {
    text: cidr,
    size,
    at: index => addressText(addTo(base, index + 1)),
    contains: value => familyOf(value) === familyOf(cidr) && ipaddr.parse(value).match([network, bits]),
  }
}

function zeroHostBits(bytes: readonly number[], bits: number): readonly number[] {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))))
}

function addTo(base: readonly number[], offset: number): number[] {
  const bytes = [...base]
  for (let i = bytes.length - 1, rest = offset; rest > 0 && i >= 0; i--, rest >>>= 8)
    bytes[i] = bytes[i]! | (rest & 0xff)
  return bytes
}

function addressText(bytes: number[]): string {
  const address = ipaddr.fromByteArray(bytes)
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

/** "first-last"; undefined for what is no range of ports. */
export function parsePortRange(text: string): readonly [first: number, last: number] | undefined {
  const [, first, last] = (/^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []).map(Number)
  if (first === undefined || last === undefined || first < 1 || last > 65535 || first > last) return undefined
  return [first, last]
}

function portRange(text: string): Range {
  const range = parsePortRange(text)
  if (range === undefined)
    throw new SourceError(`nodePortRange: "${text}" is not a range of ports such as ${DEFAULT_NODE_PORT_RANGE}`)
  const [first, last] = range
  return {
    text,
    size: last - first + 1,
    at: index => String(first + index),
    contains: value => Number(value) >= first && Number(value) <= last,
  }
}
