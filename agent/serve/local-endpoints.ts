// SPDX-License-Identifier: Apache-2.0
/** How many endpoints of a Service are ready on this node. */
import { type Family, parseAddress } from '../address.ts'
import { slicesOf } from '../compile/service.ts'
import type { ServiceView } from '../objects.ts'

/** For each family of the Service, in its order. Never empty. */
export type LocalEndpoints = ReadonlyMap<Family, number>

/**
 * As kube-proxy counts (EndpointsMap.LocalReadyEndpoints): addresses, so that a pod with several ports counts once; ready ones, so
 * that terminating ones don't count, though they may still serve; and each family by itself.
 */
export function localEndpoints(view: ServiceView, nodeName: string): LocalEndpoints {
  const families = [...new Set(view.service.clusterIPs.flatMap(ip => parseAddress(ip)?.family ?? []))]
  const slices = slicesOf(view, families, () => undefined)
  return new Map(
    families.map(family => {
      const ready = slices
        .filter(slice => slice.family === family && slice.ports.length > 0)
        .flatMap(({ endpoints }) => endpoints)
        .filter(({ state }) => state.ready && state.nodeName === nodeName)
      return [family, new Set(ready.map(({ address }) => address.text)).size]
    }),
  )
}

/** The count for a client that asks over this family; a Service that has not this family answers for the one that it has. */
export function countFor(counts: LocalEndpoints, family: Family | undefined): number {
  return counts.get(family as Family) ?? counts.values().next().value ?? 0
}
