// SPDX-License-Identifier: Apache-2.0
/**
 * Devices, addresses and routes. Nodes and outside clients meet on a bridge in a namespace of its own. Pods hang on veths
 * of their node, routed as Calico does it: /32 and /128 addresses, a gateway that exists as a neighbour entry only.
 * Nothing is ever made in the machine's own network: `ip link add ... netns` makes devices where they belong.
 */
import {
  type Addresses,
  type Plan,
  type PlannedNode,
  type PlannedOutside,
  type PlannedPod,
  POD_GATEWAY,
} from './plan.ts'

/** Of the host side of every pod's veth, as with Calico. */
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee'

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

/**
 * Of the far end of an uplink with XDP programs. They work on bytes alone, so checksums must be in them already; and what
 * they send themselves arrives only at a veth that polls (GRO switches that on, kernel 5.13).
 */
const XDP_PEER = 'tx off gro on'

/** The namespaces, and the devices between them, as one batch. */
export function makeLinks({ fabric, nodes, pods, outside }: Plan): string[] {
  const uplinked = [...nodes, ...outside]
  const all = [fabric.netns, ...uplinked.map(({ netns }) => netns), ...pods.map(({ netns }) => netns)]
  const nodeNetns = new Map(nodes.map(({ name, netns }) => [name, netns]))
  return [
    ...all.map(netns => `netns add ${netns}`),
    `link add br0 netns ${fabric.netns} type bridge stp_state 0 mcast_snooping 0`,
    ...uplinked.map(
      ({ netns }, i) => `link add port${i} netns ${fabric.netns} type veth peer name eth0 netns ${netns}`,
    ),
    ...pods.map(({ device, node, netns }) => {
      const peer = `peer name eth0 netns ${netns}`
      return `link add ${device} netns ${nodeNetns.get(node)} address ${GATEWAY_MAC} type veth ${peer}`
    }),
  ]
}

export function configurations(plan: Plan): Configuration[] {
  return [
    fabricConfiguration(plan),
    ...plan.nodes.map(node => nodeConfiguration(plan, node)),
    ...plan.outside.map(client => outsideConfiguration(plan, client)),
    ...plan.pods.map(podConfiguration),
  ]
}

/** Addresses are there at once: no duplicate address detection (RFC 4862 5.4), no router solicitation. */
function quietIPv6(devices: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    ['all', 'default', ...devices].flatMap(device => [
      [`ipv6/conf/${device}/disable_ipv6`, 0],
      [`ipv6/conf/${device}/accept_dad`, 0],
      [`ipv6/conf/${device}/accept_ra`, 0],
    ]),
  )
}

function addAddresses(device: string, addresses: Addresses, v4Length: number, v6Length: number): string[] {
  return [
    `addr add ${addresses.v4}/${v4Length} dev ${device}`,
    `addr add ${addresses.v6}/${v6Length} dev ${device} nodad`,
    `link set ${device} up`,
  ]
}

function fabricConfiguration({ fabric, nodes, outside, xdp }: Plan): Configuration {
  const ports = [...nodes, ...outside].map((_, i) => `link set port${i} master br0 up`)
  return {
    netns: fabric.netns,
    sysctls: quietIPv6(['br0']),
    lines: ['link set lo up', ...addAddresses('br0', fabric.gateway, 24, 64), ...ports],
    features: xdp ? nodes.map((_, i) => ({ device: `port${i}`, features: XDP_PEER })) : [],
  }
}

function nodeConfiguration(plan: Plan, node: PlannedNode): Configuration {
  const pods = plan.pods.filter(pod => pod.node === node.name)
  const devices = pods.map(({ device }) => device)
  const others = plan.nodes.filter(({ name }) => name !== node.name)
  return {
    netns: node.netns,
    sysctls: { ...quietIPv6(['eth0', ...devices]), ...routerSysctls(devices) },
    lines: [
      'link set lo up',
      ...addAddresses('eth0', node.addresses, 24, 64),
      ...defaultRoutes(plan.fabric.gateway),
      ...others.flatMap(routesTo),
      ...pods.flatMap(podRoutes),
    ],
  }
}

/** As on a real node: it forwards, and takes packets only where their source would be answered (strict rp_filter, RFC 3704). */
function routerSysctls(devices: readonly string[]): Record<string, number> {
  const proxies = devices.flatMap(device => [
    [`ipv4/conf/${device}/proxy_arp`, 1],
    [`ipv4/neigh/${device}/proxy_delay`, 0],
  ])
  return {
    'ipv4/ip_forward': 1,
    'ipv4/conf/all/rp_filter': 1,
    'ipv4/conf/default/rp_filter': 1,
    'ipv6/conf/default/forwarding': 1,
    'ipv6/conf/all/forwarding': 1,
    ...Object.fromEntries(proxies),
  }
}

function defaultRoutes({ v4, v6 }: Addresses): string[] {
  return [`route add default via ${v4}`, `route add ::/0 via ${v6}`]
}

function routesTo({ podCIDRs, addresses }: PlannedNode): string[] {
  return [`route add ${podCIDRs.v4} via ${addresses.v4}`, `route add ${podCIDRs.v6} via ${addresses.v6}`]
}

function podRoutes({ device, addresses }: PlannedPod): string[] {
  return [
    `link set ${device} up`,
    `route add ${addresses.v4}/32 dev ${device} scope link`,
    `route add ${addresses.v6}/128 dev ${device}`,
  ]
}

function outsideConfiguration({ nodes }: Plan, client: PlannedOutside): Configuration {
  return {
    netns: client.netns,
    sysctls: quietIPv6(['eth0']),
    lines: ['link set lo up', ...addAddresses('eth0', client.addresses, 24, 64), ...nodes.flatMap(routesTo)],
  }
}

function podConfiguration({ netns, addresses }: PlannedPod): Configuration {
  return {
    netns,
    sysctls: quietIPv6(['eth0']),
    lines: [
      'link set lo up',
      ...addAddresses('eth0', addresses, 32, 128),
      `neigh replace ${POD_GATEWAY.v4} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
      `neigh replace ${POD_GATEWAY.v6} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
      `route add ${POD_GATEWAY.v4} dev eth0 scope link`,
      `route add default via ${POD_GATEWAY.v4} dev eth0`,
      `route add ::/0 via ${POD_GATEWAY.v6} dev eth0`,
    ],
  }
}
