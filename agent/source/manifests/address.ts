// SPDX-License-Identifier: Apache-2.0
/** Addresses and CIDRs of manifests: read as strictly as the API server reads new ones, in the form that compares equal. */
import { type Family, isUnspecified, parseAddress, specialKind } from '../../address.ts'

export type { Family }

/** Undefined for what is no address, has a zone (%eth0), leading zeros in a v4 part, or is IPv4-mapped. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  // Only another form of an IPv4 address has another text; those of IPv6 are all the same address.
  return address.family === 'IPv6' || address.text === text ? address.text : undefined
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
export function specialRange(text: string): string | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  return isUnspecified(address) ? 'the unspecified address' : specialKind(address)
}
