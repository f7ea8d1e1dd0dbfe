// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIPv6 } from 'node:net'

/** "10.0.0.0/8", or an address. */
export function contains(cidr: string, address: string): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  const [network = '', prefix = family === 'ipv6' ? '128' : '32'] = cidr.split('/')
  if (isIPv6(network) !== isIPv6(address)) return false
  const list = new BlockList()
  list.addSubnet(network, Number(prefix), family)
  return list.check(address, family)
}
