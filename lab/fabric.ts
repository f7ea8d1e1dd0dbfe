// SPDX-License-Identifier: Apache-2.0
/**
 * Devices, addresses and routes. Networks are bridges in a namespace of their own, where nodes, routers and outside clients
 * meet. Pods hang on veths of their node, routed as Calico does it: /32 and /128 addresses, a gateway that exists as a neighbour
 * entry only. Nothing is ever made in the machine's own network: `ip link add ... netns` makes devices where they belong.
 */

import { addAddresses, type Configuration, quietIPv6 } from './configuration.ts'
import { FAR_END_FEATURES, farEndLine } from './far-end.ts'
import type { Attachment } from './networks.ts'
import { networkOf, type Plan, type PlannedNode, type PlannedOutside } from './plan.ts'
import { makePodLink, podConfiguration, podRoutes, podSysctls } from './pod-link.ts'
import { routesBehind, routesOfRouter, routesTo, viaGateway } from './routes.ts'
import { linesOf, portLinesOf, vethsOf } from './uplink.ts'

interface Attached {
  readonly netns: string
  readonly attachment: Attachment
}

/** Everything that is on a network, but pods. */
function attachments({ nodes, routers, outside }: Plan): Attached[] {
  return [
    ...nodes.flatMap(({ netns, uplinks }) => uplinks.map(attachment => ({ netns, attachment }))),
    ...routers.flatMap(({ netns, uplink, inner }) => [uplink, inner].map(attachment => ({ netns, attachment }))),
    ...outside.map(({ netns, uplink }) => ({ netns, attachment: uplink })),
  ]
}

/** The namespaces, and the devices between them, as one batch. */
export function makeLinks(plan: Plan): string[] {
  const { fabric, nodes, routers, outside, pods } = plan
  const all = [fabric, ...nodes, ...routers, ...outside, ...pods]
  return [
    ...all.map(({ netns }) => `netns add ${netns}`),
    ...plan.networks.map(
      ({ bridge }) => `link add ${bridge} netns ${fabric.netns} type bridge stp_state 0 mcast_snooping 0`,
    ),
    ...attachments(plan).flatMap(({ netns, attachment }) =>
      vethsOf(attachment).map(
        ({ near, far }) => `link add ${far} netns ${fabric.netns} type veth peer name ${near} netns ${netns}`,
      ),
    ),
    ...pods.map(pod => makePodLink(plan, pod)),
  ]
}

export function configurations(plan: Plan): Configuration[] {
  return [
    fabricConfiguration(plan),
    ...plan.nodes.map(node => nodeConfiguration(plan, node)),
    ...plan.routers.map(router => ({
      netns: router.netns,
      sysctls: { ...quietIPv6(['eth0', 'eth1']), ...ROUTER },
      lines: [
        'link set lo up',
        ...attach(plan, router.uplink),
        ...attach(plan, router.inner),
        ...routesOfRouter(plan, router),
      ],
    })),
    ...plan.outside.map(client => outsideConfiguration(plan, client)),
    ...plan.pods.map(podConfiguration),
  ]
}

/** As on a real node: it forwards, and takes packets only where their source would be answered (strict rp_filter, RFC 3704). */
const ROUTER: Readonly<Record<string, number>> = {
  'ipv4/ip_forward': 1,
  'ipv4/conf/all/rp_filter': 1,
  'ipv4/conf/default/rp_filter': 1,
  'ipv6/conf/default/forwarding': 1,
  'ipv6/conf/all/forwarding': 1,
}

function attach(plan: Plan, attachment: Attachment): string[] {
  const { mtu } = networkOf(plan, attachment.network)
  return [...linesOf(attachment, mtu), ...addAddresses(attachment.device, attachment.addresses, 24, 64)]
}

function fabricConfiguration(plan: Plan): Configuration {
  const nodePorts = plan.nodes.flatMap(({ uplinks }) => uplinks.flatMap(vethsOf))
  return {
    netns: plan.fabric.netns,
    sysctls: quietIPv6(plan.networks.map(({ bridge }) => bridge)),
    lines: [
      'link set lo up',
      ...plan.networks.flatMap(({ bridge, gateway, behindRouter }) =>
        behindRouter ? [`link set ${bridge} up`] : addAddresses(bridge, gateway, 24, 64),
      ),
      ...attachments(plan).flatMap(({ attachment }) => {
        const { bridge, mtu } = networkOf(plan, attachment.network)
        return portLinesOf(attachment, bridge, mtu)
      }),
      ...(plan.xdp ? nodePorts.map(({ far }) => farEndLine(far)) : []),
    ],
    features: plan.xdp ? nodePorts.map(({ far }) => ({ device: far, features: FAR_END_FEATURES })) : [],
  }
}

function nodeConfiguration(plan: Plan, node: PlannedNode): Configuration {
  const pods = plan.pods.filter(pod => pod.node === node.name)
  const others = plan.nodes.filter(({ name }) => name !== node.name)
  const veths = node.uplinks.flatMap(vethsOf).map(({ near }) => near)
  return {
    netns: node.netns,
    sysctls: { ...quietIPv6([...veths, ...pods.map(({ device }) => device)]), ...ROUTER, ...podSysctls(pods) },
    lines: [
      'link set lo up',
      ...node.uplinks.flatMap(uplink => attach(plan, uplink)),
      ...viaGateway(plan, node.uplinks[0]!.network),
      ...others.flatMap(other => routesTo(other, plan.podNetwork)),
      ...node.uplinks.flatMap(({ network }) => routesBehind(plan, network)),
      ...pods.flatMap(podRoutes),
    ],
  }
}

function outsideConfiguration(plan: Plan, { netns, uplink }: PlannedOutside): Configuration {
  const { behindRouter } = networkOf(plan, uplink.network)
  const routes = behindRouter
    ? viaGateway(plan, uplink.network)
    : plan.nodes.flatMap(node => routesTo(node, uplink.network))
  return {
    netns,
    sysctls: quietIPv6(['eth0']),
    lines: ['link set lo up', ...attach(plan, uplink), ...routes],
  }
}
