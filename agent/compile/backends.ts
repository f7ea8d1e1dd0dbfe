// SPDX-License-Identifier: Apache-2.0
/** A Service port's endpoints as backends, with the pools that they are in. */
import type { Backend, Frontend } from './compiled.ts'
import type { Eligible } from './eligible.ts'
import type { Candidate } from './endpoints.ts'
import { poolOf } from './frontends.ts'

/**
 * All endpoints of one family. One that no frontend may choose has no pool and gets no new flows, but its established ones go on:
 * it is terminating, not ready, elsewhere, or too far.
 */
export function backendsOf(
  candidates: readonly Candidate[],
  eligible: Eligible,
  frontends: readonly Frontend[],
): readonly Backend[] {
  const used = frontends.reduce((bits, { pool }) => bits | (1 << pool), 0)
  return candidates.map(candidate => {
    const { address, port } = candidate
    const cluster = eligible.cluster(candidate) ? 1 << poolOf(address.family, 'Cluster') : 0
    const local = eligible.local(candidate) ? 1 << poolOf(address.family, 'Local') : 0
    return { address: address.text, port, pools: (cluster | local) & used, local: candidate.local }
  })
}
