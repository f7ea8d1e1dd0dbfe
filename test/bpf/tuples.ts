// SPDX-License-Identifier: Apache-2.0
/** Keys of ek_flows, and what the map says of a flow. */
import { Dir, type Flow, FlowFlag, type Tuple } from '../../agent/kernel/layout.gen.ts'
import { addressText, mappedBytes, mappedText } from '../packet/address.ts'
import { parse } from '../packet/packet.ts'
import type { Case } from './cases.ts'
import type { Dataplane } from './harness.ts'
import type { Endpoint } from './services.ts'

export function tupleOf(test: Case, from: Endpoint, to: Endpoint, dir: Dir = Dir.ENTER): Tuple {
  const ends = { saddr: mappedBytes(from.address), daddr: mappedBytes(to.address) }
  return { ...ends, sport: from.port, dport: to.port, proto: test.proto, dir }
}

/** The flow of a client's packets to the Service of its case, or to another frontend; one that is not answered yet has an entry for replies only. */
export function flowOf(
  dataplane: Dataplane,
  test: Case,
  client: Endpoint = test.client,
  to: Endpoint = test.vip,
): Flow | undefined {
  const forward = tupleOf(test, client, to)
  return dataplane.flows.lookup(forward) ?? unanswered(dataplane, forward)
}

function unanswered(dataplane: Dataplane, forward: Tuple): Flow | undefined {
  const isReply = ([key, flow]: readonly [Tuple, Flow]) =>
    (flow.flags & FlowFlag.REPLY) !== 0 &&
    key.proto === forward.proto &&
    sameEnd([flow.saddr, flow.sport], [forward.daddr, forward.dport]) &&
    sameEnd([flow.daddr, flow.dport], [forward.saddr, forward.sport])
  const [found] = [...dataplane.flows.entries()].filter(isReply)
  return found && turnedRound(...found)
}

type End = readonly [address: Uint8Array, port: number]

function sameEnd([one, port]: End, [other, otherPort]: End): boolean {
  return port === otherPort && Buffer.compare(one, other) === 0
}

function turnedRound(key: Tuple, flow: Flow): Flow {
  const ends = { saddr: key.daddr, daddr: key.saddr, sport: key.dport, dport: key.sport }
  return { ...flow, ...ends, flags: flow.flags ^ FlowFlag.REPLY }
}

/** Where a frame goes that a program has translated. */
export function destinationOf(frame: Buffer): Endpoint {
  const packet = parse(frame)
  if (!packet?.ip || !packet.transport || !('dport' in packet.transport))
    throw new Error(`no ports in ${frame.toString('hex')}`)
  return { address: addressText(packet.ip.dst), port: packet.transport.dport }
}

/** Where a flow leads. */
export function backendOf(flow: Flow): Endpoint {
  return { address: mappedText(Buffer.from(flow.daddr)), port: flow.dport }
}
