// SPDX-License-Identifier: Apache-2.0
/** This node's own addresses in ek_node_addrs: where nodePorts are dialled. */
import { addressBytes } from '../kernel/address.ts'
import type { DeviceAddress } from '../kernel/devices.ts'
import type { Dataplane } from './dataplane.ts'
import { admit } from './known-addresses.ts'

/** Writes what differs: those that serve nodePorts. */
export function syncNodeAddresses(
  dataplane: Dataplane,
  addresses: readonly DeviceAddress[],
  serves: (address: string) => boolean,
): void {
  const wanted = new Map(
    addresses.filter(({ address }) => serves(address)).map(({ address, ifindex }) => [address, ifindex]),
  )
  const keys = new Map([...wanted].map(([address, ifindex]) => [hex(addressBytes(address)), { address, ifindex }]))
  const there = new Map([...dataplane.nodeAddrs.entries()].map(([key, ifindex]) => [hex(key), { key, ifindex }]))
  const missing = [...keys].filter(([key, { ifindex }]) => there.get(key)?.ifindex !== ifindex)
  const surplus = [...there].filter(([key]) => !keys.has(key))
  for (const { address } of addresses) admit(dataplane, addressBytes(address))
  if (missing.length > 0)
    dataplane.nodeAddrs.updateMany(missing.map(([, { address, ifindex }]) => [addressBytes(address), ifindex]))
  if (surplus.length > 0) dataplane.nodeAddrs.deleteMany(surplus.map(([, { key }]) => key))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
