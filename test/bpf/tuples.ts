// SPDX-License-Identifier: Apache-2.0
/** Keys of ek_flows, and what the map says of a flow. */
import { Dir, type Flow, type Tuple } from '../../agent/kernel/layout.gen.ts'
import { mappedBytes, mappedText } from '../packet/address.ts'
import type { Case } from './cases.ts'
import type { Dataplane } from './harness.ts'
import type { Endpoint } from './services.ts'

export function tupleOf(test: Case, from: Endpoint, to: Endpoint, dir: Dir = Dir.ENTER): Tuple {
  const ends = { saddr: mappedBytes(from.address), daddr: mappedBytes(to.address) }
  return { ...ends, sport: from.port, dport: to.port, proto: test.proto, dir }
}

/** The flow of a client's packets to the Service of its case, or to another frontend. */
export function flowOf(
  dataplane: Dataplane,
  test: Case,
  client: Endpoint = test.client,
  to: Endpoint = test.vip,
): Flow | undefined {
  return dataplane.flows.lookup(tupleOf(test, client, to))
}

/** Where a flow leads. */
export function backendOf(flow: Flow): Endpoint {
  return { address: mappedText(Buffer.from(flow.daddr)), port: flow.dport }
}
