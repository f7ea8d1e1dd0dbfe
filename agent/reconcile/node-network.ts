// SPDX-License-Identifier: Apache-2.0
/** The node's addresses and devices, followed: into ek_node_addrs and ek_uplinks, and programs onto pod devices and uplinks. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Device } from '../kernel/devices.ts'
import { type Network, watchNetwork } from '../kernel/network.ts'
import type { Node } from '../objects.ts'
import { type AttachedDevices, deviceMatcher, type Role } from './attached-devices.ts'
import type { Dataplane } from './dataplane.ts'
import { newOnes } from './driver.ts'
import { podTest } from './masquerade.ts'
import { syncNodeAddresses } from './node-addresses.ts'
import { nodeIPs } from './node-ips.ts'
import { servesNodePorts } from './node-port-addresses.ts'
import { syncUplinks, uplinksOf } from './uplinks.ts'
import type { XdpUplinks } from './xdp-uplinks.ts'

export interface NodeNetwork {
  /** Writes the addresses that serve nodePorts, given the own Node; null: there is none. */
  syncAddresses(node: Node | null): void
  /** From now on pods' packets pass through programs, whatever podPath says: something has no socket hooks. */
  servePackets(): void
  /** Attaches to devices, and from now on follows both. */
  begin(): void
  stop(): void
}

export interface NodeNetworkOptions {
  readonly config: Config
  readonly dataplane: Dataplane
  readonly devices: AttachedDevices
  readonly xdp: XdpUplinks
  readonly log: Logger
  readonly onError: (error: Error) => void
}

/** Throws KernelError when the kernel can't be asked. */
export function followNetwork({ config, dataplane, devices, xdp, log, onError }: NodeNetworkOptions): NodeNetwork {
  const fresh = newOnes()
  const freshXdp = newOnes()
  const isGuest = deviceMatcher(config.packetDevices)
  const isPodDevice = deviceMatcher(config.podDevices)
  let servesPackets = config.podPath !== 'socket'
  const matches = (name: string) => (servesPackets ? isPodDevice(name) : isGuest(name))
  const isPod = podTest(config)
  const freshNotes = newOnes()
  let following = false
  let node: Node | null = null
  function syncAddresses({ addresses }: Network): void {
    const primaries = nodeIPs(node, config.nodeIP)
    syncNodeAddresses(dataplane, addresses, servesNodePorts(config.nodePortAddresses, primaries))
    for (const note of freshNotes(missing(config, primaries))) log.warn(note)
  }
  function sync(network: Network): void {
    syncAddresses(network)
    const uplinks = config.uplinks ? uplinksOf(network, config.uplinkDevices) : []
    // Before programs: whoever goes on to another node needs a name there.
    syncUplinks(dataplane, uplinks, network.addresses)
    for (const failure of fresh(devices.sync(rolesOf(network, uplinks, matches, isPod)))) log.error(failure)
    // After tc, which does what XDP passes on.
    for (const line of freshXdp(xdp.sync(uplinks))) log.info(`XDP at ${line}`)
  }
  const watch = watchNetwork({
    routes: config.uplinks,
    onChange: network => {
      if (following) sync(network)
    },
    onError,
  })
  return {
    servePackets() {
      if (servesPackets) return
      servesPackets = true
      log.info('there is a Service over SCTP, which sockets can not serve: programs go onto the devices of pods')
      if (following) sync(watch.current())
    },
    syncAddresses(own) {
      // A Node that is deleted and made anew keeps its addresses meanwhile.
      node = own ?? node
      syncAddresses(watch.current())
    },
    begin() {
      sync(watch.current())
      following = true
    },
    stop: watch.stop,
  }
}

/** Without a primary address nothing serves nodePorts by it, where kube-proxy would serve them everywhere. */
function missing({ nodePortAddresses, nodeName }: Config, primaries: readonly string[]): string[] {
  if (!nodePortAddresses.includes('primary') || primaries.length > 0) return []
  return [
    `nodePortAddresses: primary: Node ${nodeName} is unknown or has no InternalIP or ExternalIP, so no address serves nodePorts as primary: give it one, or set nodeIP`,
  ]
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
