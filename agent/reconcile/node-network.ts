// SPDX-License-Identifier: Apache-2.0
/** The node's addresses and devices, followed: into ek_node_addrs and ek_uplinks, and programs onto pod devices and uplinks. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Device } from '../kernel/devices.ts'
import { type Network, watchNetwork } from '../kernel/network.ts'
import { type AttachedDevices, deviceMatcher, type Role } from './attached-devices.ts'
import type { Dataplane } from './dataplane.ts'
import { newOnes } from './driver.ts'
import { podTest } from './masquerade.ts'
import { syncNodeAddresses } from './node-addresses.ts'
import { syncUplinks, uplinksOf } from './uplinks.ts'

export interface NodeNetwork {
  syncAddresses(): void
  /** Attaches to devices, and from now on follows both. */
  begin(): void
  stop(): void
}

export interface NodeNetworkOptions {
  readonly config: Config
  readonly dataplane: Dataplane
  readonly devices: AttachedDevices
  readonly log: Logger
  readonly onError: (error: Error) => void
}

/** Throws KernelError when the kernel can't be asked. */
export function followNetwork({ config, dataplane, devices, log, onError }: NodeNetworkOptions): NodeNetwork {
  const fresh = newOnes()
  const matches = deviceMatcher(config.podPath === 'socket' ? config.packetDevices : config.podDevices)
  const isPod = podTest(config)
  let following = false
  function syncAddresses({ addresses }: Network): void {
    syncNodeAddresses(dataplane, addresses, config.nodePortAddresses)
  }
  function sync(network: Network): void {
    syncAddresses(network)
    const uplinks = config.uplinks ? uplinksOf(network, config.uplinkDevices) : []
    // Before programs: whoever goes on to another node needs a name there.
    syncUplinks(dataplane, uplinks, network.addresses)
    for (const failure of fresh(devices.sync(rolesOf(network, uplinks, matches, isPod)))) log.error(failure)
  }
  const watch = watchNetwork({
    routes: config.uplinks,
    onChange: network => {
      if (following) sync(network)
    },
    onError,
  })
  return {
    syncAddresses: () => syncAddresses(watch.current()),
    begin() {
      sync(watch.current())
      following = true
    },
    stop: watch.stop,
  }
}

/** A device that is both is an uplink. */
function rolesOf(
  { devices }: Network,
  uplinks: readonly Device[],
  matches: (name: string) => boolean,
  isPod: ReturnType<typeof podTest>,
): Map<Device, Role> {
  const pods = [...devices.values()].filter(({ loopback, name }) => !loopback && matches(name))
  return new Map([
    ...pods.map(device => [device, isPod(device, devices) ? 'pod' : 'stranger'] as const),
    ...uplinks.map(device => [device, 'uplink'] as const),
  ])
}
