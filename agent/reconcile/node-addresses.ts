// SPDX-License-Identifier: Apache-2.0
/** This node's own addresses in ek_node_addrs: where nodePorts are dialled. */
import ipaddr from 'ipaddr.js'
import { addressBytes } from '../kernel/address.ts'
import type { DeviceAddress } from '../kernel/devices.ts'
import type { Dataplane } from './dataplane.ts'

/** Writes what differs. `cidrs`: only addresses inside of one of them; empty: all, loopback included. */
export function syncNodeAddresses(
  dataplane: Dataplane,
  addresses: readonly DeviceAddress[],
  cidrs: readonly string[],
): void {
  const ranges = cidrs.map(cidr => ipaddr.parseCIDR(cidr))
  const wanted = new Map(
    addresses.filter(({ address }) => inRanges(address, ranges)).map(({ address, ifindex }) => [address, ifindex]),
  )
  const keys = new Map([...wanted].map(([address, ifindex]) => [hex(addressBytes(address)), { address, ifindex }]))
  const there = new Map([...dataplane.nodeAddrs.entries()].map(([key, ifindex]) => [hex(key), { key, ifindex }]))
  const missing = [...keys].filter(([key, { ifindex }]) => there.get(key)?.ifindex !== ifindex)
  const surplus = [...there].filter(([key]) => !keys.has(key))
  if (missing.length > 0)
    dataplane.nodeAddrs.updateMany(missing.map(([, { address, ifindex }]) => [addressBytes(address), ifindex]))
  if (surplus.length > 0) dataplane.nodeAddrs.deleteMany(surplus.map(([, { key }]) => key))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function inRanges(address: string, ranges: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][]): boolean {
  if (ranges.length === 0) return true
  const parsed = ipaddr.parse(address)
  return ranges.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits))
}
