// SPDX-License-Identifier: Apache-2.0
/** The node's addresses and devices, followed: into ek_node_addrs, and programs onto pod devices. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { type Network, watchNetwork } from '../kernel/network.ts'
import type { Dataplane } from './dataplane.ts'
import { newOnes } from './driver.ts'
import { syncNodeAddresses } from './node-addresses.ts'
import type { PodDevices } from './pod-devices.ts'

export interface NodeNetwork {
  syncAddresses(): void
  /** Attaches to pod devices, and from now on follows both. */
  begin(): void
  stop(): void
}

export interface NodeNetworkOptions {
  readonly config: Config
  readonly dataplane: Dataplane
  readonly devices: PodDevices
  readonly log: Logger
  readonly onError: (error: Error) => void
}

/** Throws KernelError when the kernel can't be asked. */
export function followNetwork({ config, dataplane, devices, log, onError }: NodeNetworkOptions): NodeNetwork {
  const fresh = newOnes()
  let following = false
  function sync(network: Network): void {
    syncNodeAddresses(dataplane, network.addresses, config.nodePortAddresses)
    for (const failure of fresh(devices.sync(network.devices.values()))) log.error(failure)
  }
  const watch = watchNetwork({
    onChange: network => {
      if (following) sync(network)
    },
    onError,
  })
  return {
    syncAddresses: () => syncNodeAddresses(dataplane, watch.current().addresses, config.nodePortAddresses),
    begin() {
      sync(watch.current())
      following = true
    },
    stop: watch.stop,
  }
}
