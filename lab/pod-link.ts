// SPDX-License-Identifier: Apache-2.0
/** A pod's veth: its devices, addresses and routes at both ends. */
import { addAddresses, type Configuration, quietIPv6 } from './configuration.ts'
import { type Plan, type PlannedPod, POD_GATEWAY } from './plan.ts'

/** Of the host side of every pod's veth, as with Calico. */
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee'

/** For `ip` outside of all namespaces. */
export function makePodLink({ nodes }: Plan, { device, node, netns }: PlannedPod): string {
  const { netns: nodeNetns, podMtu } = nodes.find(({ name }) => name === node)!
  const peer = `peer name eth0 mtu ${podMtu} netns ${netns}`
  return `link add ${device} netns ${nodeNetns} mtu ${podMtu} address ${GATEWAY_MAC} type veth ${peer}`
}

/** Of its node. */
export function podRoutes({ device, addresses }: PlannedPod): string[] {
  return [
    `link set ${device} up`,
    `route add ${addresses.v4}/32 dev ${device} scope link`,
    `route add ${addresses.v6}/128 dev ${device}`,
  ]
}

/** Of its node: it answers for the gateway. */
export function podSysctls(pods: readonly PlannedPod[]): Record<string, number> {
  const proxies = pods.flatMap(({ device }) => [
    [`ipv4/conf/${device}/proxy_arp`, 1],
    [`ipv4/neigh/${device}/proxy_delay`, 0],
  ])
  return Object.fromEntries(proxies)
}

export function podConfiguration({ netns, addresses }: PlannedPod): Configuration {
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
