// SPDX-License-Identifier: Apache-2.0
/** Flows that had no packet for too long, and datagram flows whose backend is gone, leave ek_flows: both directions together. */
import { setImmediate } from 'node:timers/promises'
import { readChunks } from '../kernel/batch.ts'
import type { Codec } from '../kernel/codec.ts'
import {
  BackendState,
  backendCodec,
  Dir,
  type Flow,
  FlowFlag,
  FlowState,
  flowCodec,
  MAPS,
  type Tuple,
  tupleCodec,
} from '../kernel/layout.gen.ts'
import { rawMap } from '../kernel/maps.ts'
import type { Dataplane } from './dataplane.ts'
import type { Count, Named, Timeouts } from './sweep.ts'

/** Flows that stay, by state: of the two entries of each the one in the client's direction; while it opens, the one for replies. */
export type FlowStates = ReadonlyMap<FlowState, number>

export interface SweptFlows extends Count {
  readonly states: FlowStates
  /** Flows that stay and that may be forged. */
  readonly unassured: number
}

/** Of each flow there is an entry for replies, and one that is not assured has no other flag of these. */
const UNASSURED = FlowFlag.REPLY | FlowFlag.ASSURED

const SECOND = 1_000_000_000n

/** Reads bytes where it can: most entries of a full map stay, and need no objects. */
export async function sweepFlows(
  dataplane: Dataplane,
  timeouts: Timeouts,
  now: () => bigint,
  named: Named,
): Promise<SweptFlows> {
  const limits = limitsOf(timeouts)
  const at = offsets(flowCodec, 'seen', 'state', 'flags', 'service', 'backend')
  const gone = backendGone(dataplane)
  const map = rawMap(MAPS.flows, dataplane.flows.fd, { operations: dataplane.operations }, 1)
  const suspects: Tuple[] = []
  let left = 0
  let unassured = 0
  const states: number[] = []
  const stays = (state: number, flags: number) => {
    left++
    if ((flags & UNASSURED) === FlowFlag.REPLY) unassured++
    if ((state === FlowState.OPENING) === ((flags & FlowFlag.REPLY) !== 0)) states[state] = (states[state] ?? 0) + 1
  }
  for (const { keys, values, count } of readChunks(map)) {
    const time = now()
    for (let i = 0; i < count; i++) {
      const value = i * map.valueSize
      const state = values.readUInt8(value + at('state'))
      const age = time - values.readBigUInt64LE(value + at('seen'))
      if (age > (limits[state] ?? 0n) || (state === FlowState.DATAGRAM && gone(values, value))) {
        suspects.push(tupleCodec.decode(keys, i * map.keySize))
        continue
      }
      stays(state, values.readUInt8(value + at('flags')))
      named.services.add(values.readUInt32LE(value + at('service')))
      named.backends.add(values.readUInt32LE(value + at('backend')))
    }
    await setImmediate()
  }
  let expired = 0
  for (const tuple of suspects) {
    const kept = expireFlow(dataplane, tuple, limits, now(), gone)
    if (kept === undefined) expired++
    else {
      stays(kept.state, kept.flags)
      named.services.add(kept.service)
      named.backends.add(kept.backend)
    }
  }
  const names = Object.values(FlowState)
  return { expired, left, unassured, states: new Map(names.map(state => [state, states[state] ?? 0])) }
}

/** Nanoseconds by state. */
function limitsOf(timeouts: Timeouts): readonly bigint[] {
  const limits: bigint[] = []
  limits[FlowState.OPENING] = BigInt(timeouts.opening) * SECOND
  limits[FlowState.ESTABLISHED] = BigInt(timeouts.established) * SECOND
  limits[FlowState.HALF_CLOSED] = BigInt(timeouts.halfClosed) * SECOND
  limits[FlowState.CLOSING] = BigInt(timeouts.closing) * SECOND
  limits[FlowState.DATAGRAM] = BigInt(timeouts.datagram) * SECOND
  return limits
}

/** Offsets of fields by name, looked up once. */
function offsets<T>(codec: Codec<T>, ...paths: readonly string[]): (path: string) => number {
  const known = new Map(
    codec.fields.filter(({ path }) => paths.includes(path)).map(({ path, offset }) => [path, offset]),
  )
  return path => known.get(path)!
}

/** Whether the backend that a flow's bytes name is gone, or its id has another meaning by now. Id 0: another node chose it. */
function backendGone(dataplane: Dataplane): (values: Buffer, at: number) => boolean {
  const { memory, stride } = dataplane.backends
  const flow = offsets(flowCodec, 'backend', 'generation')
  const backend = offsets(backendCodec, 'state', 'generation')
  return (values, at) => {
    const id = values.readUInt32LE(at + flow('backend'))
    const generation = values.readUInt32LE(at + flow('generation'))
    const start = id * stride
    if (id === 0) return false
    return (
      memory.readUInt8(start + backend('state')) === BackendState.FREE ||
      memory.readUInt32LE(start + backend('generation')) !== generation
    )
  }
}

/** Both directions come in at the same hook: EK_FLOW_SAME_DIR. */
const SAME_DIR = FlowFlag.HAIRPIN | FlowFlag.FORWARD

/** The key of the other direction's entry, as ek_flow_partner_key() in bpf/flow.h. */
export function partnerOf(tuple: Tuple, flow: Flow): Tuple {
  const other = tuple.dir === Dir.ENTER ? Dir.LEAVE : Dir.ENTER
  return {
    saddr: flow.daddr,
    daddr: flow.saddr,
    sport: flow.dport,
    dport: flow.sport,
    proto: tuple.proto,
    dir: flow.flags & SAME_DIR ? tuple.dir : other,
  }
}

/** Deletes both entries of a flow after a second look at both; returns the flow when it turns out to be alive. */
function expireFlow(
  dataplane: Dataplane,
  tuple: Tuple,
  limits: readonly bigint[],
  time: bigint,
  gone: (values: Buffer, at: number) => boolean,
): Flow | undefined {
  const flow = dataplane.flows.lookup(tuple)
  if (flow === undefined) return undefined
  const key = partnerOf(tuple, flow)
  const partner = dataplane.flows.lookup(key)
  const bytes = Buffer.alloc(flowCodec.size)
  flowCodec.encode(flow, bytes)
  const seen = partner && partner.seen > flow.seen ? partner.seen : flow.seen
  const alive = time - seen <= (limits[flow.state] ?? 0n)
  if (alive && !(flow.state === FlowState.DATAGRAM && gone(bytes, 0))) return flow
  dataplane.flows.delete(tuple)
  if (partner) dataplane.flows.delete(key)
  return undefined
}
