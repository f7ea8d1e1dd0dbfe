// SPDX-License-Identifier: Apache-2.0
/** Will it work on this node? Everything is tried, nothing is left behind. */
import type { Config } from '../config.ts'
import { type Device, listAddresses, listDevices, listRoutes } from '../kernel/devices.ts'
import { uplinksOf } from '../reconcile/uplinks.ts'
import { devices } from './devices.ts'
import type { Finding } from './finding.ts'
import { hooks } from './hooks.ts'
import { maps } from './maps.ts'
import { neighbours } from './neighbours.ts'
import { conntrack, healthPort } from './ports.ts'
import { programs } from './programs.ts'
import { rights } from './rights.ts'
import { sysctls } from './sysctls.ts'

export async function preflight(config: Config): Promise<Finding[]> {
  const uplinks = currentUplinks(config)
  return [
    ...rights(),
    ...maps(config.bpffs),
    ...programs(config),
    ...hooks(config),
    ...devices(config),
    ...sysctls(
      uplinks.map(({ name }) => name),
      config.nodePortRange,
    ),
    ...neighbours(config, uplinks),
    await healthPort(config),
    conntrack(),
  ]
}

function currentUplinks({ uplinkDevices }: Config): Device[] {
  const devices = new Map(listDevices().map(device => [device.ifindex, device]))
  return uplinksOf({ devices, addresses: listAddresses(), routes: listRoutes() }, uplinkDevices)
}
