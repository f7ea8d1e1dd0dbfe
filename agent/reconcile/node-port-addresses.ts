// SPDX-License-Identifier: Apache-2.0
/** Which addresses of the node serve nodePorts: the field nodePortAddresses. */
import ipaddr from 'ipaddr.js'
import { canonicalCIDR, familyOf } from '../source/manifests/address.ts'

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  all: ['0.0.0.0/0', '::/0'],
  localhost: ['127.0.0.0/8', '::1/128'],
}

/**
 * A family that no entry is about serves at all addresses, as with kube-proxy; `primary` is about both. `primaries`: what it
 * stands for, by nodeIPs().
 */
export function servesNodePorts(
  entries: readonly string[],
  primaries: readonly string[],
): (address: string) => boolean {
  const primary = entries.includes('primary')
  const ranges = entries
    .filter(entry => entry !== 'primary')
    .flatMap(entry => KEYWORDS[entry] ?? canonicalCIDR(entry) ?? [])
    .map(cidr => ({ family: familyOf(cidr), range: ipaddr.parseCIDR(cidr) }))
  return address => {
    const family = familyOf(address)
    const own = ranges.filter(range => range.family === family)
    if (own.length === 0 && !primary) return true
    return (primary && primaries.includes(address)) || own.some(({ range }) => ipaddr.parse(address).match(range))
  }
}
