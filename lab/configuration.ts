// SPDX-License-Identifier: Apache-2.0
/** What a namespace of the lab is told once its devices exist. */
import type { Addresses } from './networks.ts'

/** Per namespace: sysctls, lines for `ip`, and what devices do themselves (`ethtool -K`). */
export interface Configuration {
  readonly netns: string
  readonly sysctls: Readonly<Record<string, number | string>>
  readonly lines: readonly string[]
  readonly features?: readonly DeviceFeatures[]
}

export interface DeviceFeatures {
  readonly device: string
  /** "tx off gro on" */
  readonly features: string
}

/** Addresses are there at once: no duplicate address detection (RFC 4862 5.4), no router solicitation. */
export function quietIPv6(devices: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    ['all', 'default', ...devices].flatMap(device => [
      [`ipv6/conf/${device}/disable_ipv6`, 0],
      [`ipv6/conf/${device}/accept_dad`, 0],
      [`ipv6/conf/${device}/accept_ra`, 0],
    ]),
  )
}

export function addAddresses(device: string, addresses: Addresses, v4Length: number, v6Length: number): string[] {
  return [
    `addr add ${addresses.v4}/${v4Length} dev ${device}`,
    `addr add ${addresses.v6}/${v6Length} dev ${device} nodad`,
    `link set ${device} up`,
  ]
}
