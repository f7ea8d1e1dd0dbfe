// SPDX-License-Identifier: Apache-2.0
/** Routes between the lab's networks, as lines for `ip`. */
import { type Addresses, networkOf, type Plan, type PlannedNode, type PlannedRouter } from './plan.ts'

function via(destination: Addresses, gateway: Addresses): string[] {
  return [`route add ${destination.v4} via ${gateway.v4}`, `route add ${destination.v6} via ${gateway.v6}`]
}

export function viaGateway(plan: Plan, network: string): string[] {
  return via({ v4: 'default', v6: '::/0' }, networkOf(plan, network).gateway)
}

/** To a node's pods, by somebody on a network; none when the node is not on it. */
export function routesTo({ podCIDRs, uplinks }: PlannedNode, network: string): string[] {
  const uplink = uplinks.find(uplink => uplink.network === network)
  return uplink === undefined ? [] : via(podCIDRs, uplink.addresses)
}

/** To the networks behind the routers of a network, and behind those. */
export function routesBehind(plan: Plan, network: string): string[] {
  return plan.routers
    .filter(({ uplink }) => uplink.network === network)
    .flatMap(router => networksBehind(plan, router).flatMap(name => via(networkOf(plan, name).cidrs, router.addresses)))
}

function networksBehind(plan: Plan, { name }: PlannedRouter): string[] {
  const further = plan.routers.filter(({ uplink }) => uplink.network === name)
  return [name, ...further.flatMap(router => networksBehind(plan, router))]
}

export function routesOfRouter(plan: Plan, { name, uplink }: PlannedRouter): string[] {
  const up = networkOf(plan, uplink.network).behindRouter
    ? viaGateway(plan, uplink.network)
    : plan.nodes.flatMap(node => routesTo(node, uplink.network))
  return [...up, ...routesBehind(plan, name)]
}
