// SPDX-License-Identifier: Apache-2.0
/** Which endpoints of one family serve which traffic: kube-proxy's CategorizeEndpoints. */
import { type Candidate, isDraining } from './endpoints.ts'
import { nearby, type Place } from './topology.ts'

export interface Eligible {
  /** Serves under policy Cluster. */
  readonly cluster: (candidate: Candidate) => boolean
  /** Serves under policy Local. */
  readonly local: (candidate: Candidate) => boolean
  /** Some endpoint could serve, be it on another node: without one, policy Local refuses in place of dropping. */
  readonly anywhere: boolean
}

const draining = ({ state }: Candidate) => isDraining(state)
const localDraining = ({ state, local }: Candidate) => local && isDraining(state)
const localReady = ({ state, local }: Candidate) => local && state.ready

/** Where none is ready, those that are serving and terminating stand in; Cluster and Local each decide by themselves. */
export function eligible(candidates: readonly Candidate[], place: Place): Eligible {
  const ready = candidates.filter(({ state }) => state.ready)
  const near = nearby(ready, place)
  return {
    cluster: ready.length > 0 ? candidate => candidate.state.ready && near(candidate) : draining,
    local: candidates.some(localReady) ? localReady : localDraining,
    anywhere: ready.length > 0 || candidates.some(draining),
  }
}
