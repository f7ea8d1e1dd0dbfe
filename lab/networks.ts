// SPDX-License-Identifier: Apache-2.0
/** Networks of the lab, and who is attached to them with which device and addresses. */
import type { Topology, UplinkKind } from './topology.ts'

export interface Addresses {
  readonly v4: string
  readonly v6: string
}

export interface PlannedNetwork {
  readonly name: string
  /** In the fabric's namespace. */
  readonly bridge: string
  readonly mtu: number
  readonly cidrs: Addresses
  /** Of the bridge; or of the router that the network is behind. */
  readonly gateway: Addresses
  readonly behindRouter: boolean
}

/** A device on a network. */
export interface Attachment {
  readonly network: string
  /** What has the addresses. */
  readonly device: string
  readonly kind: UplinkKind
  readonly addresses: Addresses
  /** The far end of its veth, in the fabric's namespace; a bond has a second one. */
  readonly port: string
}

/** The host number of every network's gateway. */
export const GATEWAY = 254

export function planNetworks({ networks, routers }: Topology): PlannedNetwork[] {
  const plain = networks.map((network, i) => ({ ...network, ...spaceOf(31, i), behindRouter: false }))
  const behind = routers.map(({ name, mtu }, i) => ({ name, mtu, ...spaceOf(30, i), behindRouter: true }))
  return [...plain, ...behind].map((network, i) => ({ ...network, bridge: `br${i}` }))
}

function spaceOf(block: number, index: number): Pick<PlannedNetwork, 'cidrs' | 'gateway'> {
  const { v4, v6 } = addressesOf(block, index, 0)
  return { cidrs: { v4: `${v4}/24`, v6: `${v6.replace(/0$/, '')}/64` }, gateway: addressesOf(block, index, GATEWAY) }
}

/** Decimal digits are hexadecimal ones too: both families show the same numbers. */
function addressesOf(block: number, index: number, host: number): Addresses {
  const subnet = index === 0 ? '' : `:${index}`
  return { v4: `172.${block}.${index}.${host}`, v6: `fd00:${block}${subnet}::${host}` }
}

export type Attacher = (network: string, device: string, host: number, kind?: UplinkKind) => Attachment

/** Gives each attachment a port of its own. */
export function attacher(networks: readonly PlannedNetwork[]): Attacher {
  let ports = 0
  return (name, device, host, kind = 'veth') => {
    const { gateway } = networks.find(network => network.name === name)!
    const at = (address: string) => address.replace(/\d+$/, String(host))
    return {
      network: name,
      device,
      kind,
      addresses: { v4: at(gateway.v4), v6: at(gateway.v6) },
      port: `port${ports++}`,
    }
  }
}

/** The tag of VLAN devices (IEEE 802.1Q). */
export const VLAN = 5

/** The name of a node's device on its network number so and so. */
export function deviceOf(kind: UplinkKind, index: number): string {
  return { veth: `eth${index}`, bridge: `br${index}`, vlan: `eth${index}.${VLAN}`, bond: `bond${index}` }[kind]
}
