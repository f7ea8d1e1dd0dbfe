// SPDX-License-Identifier: Apache-2.0
/** A Service port's endpoints as backends, with the pools that they are in. */
import { type Address, parseAddress } from '../address.ts'
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
    return { address: address.text, parsed: address, port, pools: (cluster | local) & used, local: candidate.local }
  })
}

/** What makes a backend another one. */
export type Member = Pick<Backend, 'address' | 'parsed' | 'port'>

/** Throws RangeError for an address that is none. */
export function parsedAddress({ address, parsed }: Pick<Backend, 'address' | 'parsed'>): Address {
  const read = parsed ?? parseAddress(address)
  if (read === undefined) throw new RangeError(`"${address}" is not an IPv4 or IPv6 address`)
  return read
}
