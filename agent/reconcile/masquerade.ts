// SPDX-License-Identifier: Apache-2.0
/** Whose address a backend does not see on the packet path: by the device that a client is behind, and by its own address. */
import type { Config } from '../config.ts'
import type { Device } from '../kernel/devices.ts'
import { Masquerade } from '../kernel/layout.gen.ts'
import type { Node } from '../objects.ts'
import type { Role } from './attached-devices.ts'
import type { Dataplane } from './dataplane.ts'
import { rangeKeys, rangeText } from './ranges.ts'

/** The key of ek_ranges for pods' addresses: no Service port has this id. */
export const POD_RANGES = 0

/** What the programs on devices of this role do. Clients outside keep their address where their replies come back anyway. */
export function masqueradeOf({ masqueradeAll, detectLocalMode }: Config, role: Role): number {
  if (masqueradeAll || role === 'stranger') return Masquerade.ALL
  const byAddress = detectLocalMode === 'ClusterCIDR' || detectLocalMode === 'NodeCIDR'
  return byAddress && role === 'pod' ? Masquerade.STRANGERS : Masquerade.NOBODY
}

/** False for a device whose clients are no pods (kube-proxy's DetectLocalByBridgeInterface and -InterfaceNamePrefix). */
export function podTest({
  detectLocalMode,
  detectLocal,
}: Config): (device: Device, devices: ReadonlyMap<number, Device>) => boolean {
  const { bridgeInterface, interfaceNamePrefix } = detectLocal
  if (detectLocalMode === 'InterfaceNamePrefix') return ({ name }) => name.startsWith(interfaceNamePrefix)
  if (detectLocalMode !== 'BridgeInterface') return () => true
  return ({ name, masterIndex }, devices) =>
    name === bridgeInterface || (masterIndex !== undefined && devices.get(masterIndex)?.name === bridgeInterface)
}

/** Writes what differs: where pods have their addresses, for the modes that go by them. */
export function syncPodRanges({ ranges }: Pick<Dataplane, 'ranges'>, config: Config, node: Node | null): void {
  const wanted = rangeKeys(POD_RANGES, podCIDRs(config, node).map(parseCidr))
  const there = [...ranges.entries()].map(([key]) => key).filter(({ service }) => service === POD_RANGES)
  const known = new Set(there.map(rangeText))
  for (const [text, key] of wanted) if (!known.has(text)) ranges.update(key, 1)
  for (const key of there) if (!wanted.has(rangeText(key))) ranges.delete(key)
}

function podCIDRs({ detectLocalMode, clusterCIDR }: Config, node: Node | null): readonly string[] {
  if (detectLocalMode === 'ClusterCIDR') return clusterCIDR
  return detectLocalMode === 'NodeCIDR' ? (node?.podCIDRs ?? []) : []
}

/** Of a text that was checked before. */
function parseCidr(text: string): { address: string; prefix: number } {
  const [address = '', prefix = ''] = text.split('/')
  return { address, prefix: Number(prefix) }
}
