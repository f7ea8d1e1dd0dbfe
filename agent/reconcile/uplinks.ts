// SPDX-License-Identifier: Apache-2.0
/** The devices that lead to other nodes, and what this node is called there: into ek_uplinks. */
import { addressBytes } from '../kernel/address.ts'
import type { Device, DeviceAddress, Route } from '../kernel/devices.ts'
import { Xdp } from '../kernel/layout.gen.ts'
import type { Network } from '../kernel/network.ts'
import { deviceMatcher } from './attached-devices.ts'
import type { Dataplane } from './dataplane.ts'

// <linux/rtnetlink.h>
const RTN_UNICAST = 1
const RT_TABLE_LOCAL = 255
const RT_SCOPE_UNIVERSE = 0
/** "02:42:ac:11:00:02": programs read Ethernet headers, which tunnels of layer 3 have not. */
const MAC_LENGTH = 17
const NONE = addressBytes('::')
/** What the node is called over devices that are no uplinks: no device has this index. */
const ANY_DEVICE = 0
const NO_MAC = Buffer.alloc(6)

/**
 * Found by route: a device is an uplink when a route over it goes through a gateway, or anywhere (a default route). Pods are on
 * the link. Multipath routes name no device: those are for `patterns`.
 */
export function uplinksOf({ devices, routes }: Network, patterns: readonly string[]): Device[] {
  const matches = deviceMatcher(patterns)
  const routed = new Set(routes.filter(leadsAway).map(route => route.ifindex))
  return [...devices.values()].filter(
    ({ ifindex, name, loopback, mac }) =>
      !loopback && mac.length === MAC_LENGTH && (routed.has(ifindex) || matches(name)),
  )
}

function leadsAway({ type, table, gateway, prefix }: Route): boolean {
  return type === RTN_UNICAST && table !== RT_TABLE_LOCAL && (gateway !== '' || prefix === 0)
}

/**
 * Writes what differs, but for what xdp-uplinks.ts writes. An uplink without an address of its own in a family (a tunnel) has that
 * of another one.
 */
export function syncUplinks(
  { uplinks }: Pick<Dataplane, 'uplinks'>,
  devices: readonly Device[],
  addresses: readonly DeviceAddress[],
): void {
  const macs = new Map(devices.map(({ ifindex, mac }) => [ifindex, Buffer.from(mac.replaceAll(':', ''), 'hex')]))
  const indexes = new Set(macs.keys())
  const usable = addresses.filter(
    ({ ifindex, scope, tentative }) => indexes.has(ifindex) && scope === RT_SCOPE_UNIVERSE && !tentative,
  )
  const name = (ifindex: number, bytes: number) => {
    const known = usable.filter(address => address.bytes.length === bytes)
    const found = known.find(address => address.ifindex === ifindex) ?? known[0]
    return found === undefined ? NONE : addressBytes(found.address)
  }
  const live = new Map(uplinks.entries())
  if (devices.length > 0) indexes.add(ANY_DEVICE)
  for (const ifindex of indexes) {
    const there = live.get(ifindex)
    const uplink = { ipv4: name(ifindex, 4), ipv6: name(ifindex, 16), mac: macs.get(ifindex) ?? NO_MAC }
    const same = there && (['ipv4', 'ipv6', 'mac'] as const).every(field => sameBytes(there[field], uplink[field]))
    if (!same) uplinks.update(ifindex, { xdp: Xdp.OFF, error: 0, ...there, ...uplink })
  }
  for (const ifindex of live.keys()) if (!indexes.has(ifindex)) uplinks.delete(ifindex)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
