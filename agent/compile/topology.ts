// SPDX-License-Identifier: Apache-2.0
/** Topology hints: which ready endpoints are near enough to this node. */
import type { Candidate } from './endpoints.ts'

export interface Place {
  readonly nodeName: string
  /** Empty: unknown. */
  readonly zone: string
}

export type Near = (candidate: Candidate) => boolean

const everywhere: Near = () => true

/**
 * Hints count only when every ready endpoint has one of the kind and one at least names this node or zone. Node hints come
 * before zone hints (kube-proxy's topologyModeFromHints). trafficDistribution itself is not looked at: the slices' author has
 * turned it into hints.
 */
export function nearby(ready: readonly Candidate[], { nodeName, zone }: Place): Near {
  const hintsNode: Near = ({ state }) => state.nodeHints?.includes(nodeName) ?? false
  const hintsZone: Near = ({ state }) => state.zoneHints?.includes(zone) ?? false
  if (ready.every(({ state }) => state.nodeHints?.length) && ready.some(hintsNode)) return hintsNode
  if (ready.every(({ state }) => state.zoneHints?.length) && ready.some(hintsZone)) return hintsZone
  return everywhere
}
