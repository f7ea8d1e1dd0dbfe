// SPDX-License-Identifier: Apache-2.0
/** IP addresses and CIDRs as text: checked, and in the one form that compares equal (RFC 5952 for IPv6). */
import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Family } from '../../address.ts'

export type { Family }

/** Undefined for what is no address, has a zone (%eth0), leading zeros in a v4 part, or is IPv4-mapped. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? undefined : address.toRFC5952String()
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

/** "address/bits", the host bits kept, as the API server keeps them; undefined when it is none. */
export function canonicalCIDR(text: string): string | undefined {
  const [address = '', bits = '', ...rest] = text.trim().split('/')
  const canonical = canonicalAddress(address)
  if (canonical === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined
  return Number(bits) <= (familyOf(canonical) === 'IPv4' ? 32 : 128) ? `${canonical}/${bits}` : undefined
}

/** Why no endpoint or external IP may have this address (ValidateNonSpecialIP of the API server); undefined: it may. */
export function specialRange(address: string): string | undefined {
  const v6 = address.includes(':')
  if (!v6 && !/^(0|127|169|22|23)/.test(address)) return undefined
  if (v6 && !/^(::|f[ef])/.test(address)) return undefined
  const range: string = ipaddr.parse(address).range()
  if (range === 'unspecified' && address !== '0.0.0.0' && address !== '::') return undefined
  return ['unspecified', 'loopback', 'linkLocal', 'multicast'].includes(range) ? RANGE_NAMES[range] : undefined
}

const RANGE_NAMES: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  loopback: 'a loopback address',
  linkLocal: 'a link-local address',
  multicast: 'a multicast address',
}
