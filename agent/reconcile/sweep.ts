// SPDX-License-Identifier: Apache-2.0
/**
 * Looks through flows and affinity entries, takes out what has expired, and frees ids that nothing names any more. Under memory
 * pressure the kernel evicts by itself (LRU); this is what keeps the maps small in quiet times.
 */
import { setImmediate } from 'node:timers/promises'
import { readChunks } from '../kernel/batch.ts'
import type { Codec } from '../kernel/codec.ts'
import {
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
import type { Reconciler } from './reconciler.ts'

/** Seconds without a packet after which a flow is forgotten. */
export interface Timeouts {
  readonly opening: number
  readonly established: number
  readonly halfClosed: number
  readonly closing: number
  readonly datagram: number
}

export interface Swept {
  readonly flows: number
  readonly affinity: number
  /** Entries that stay, two a flow. */
  readonly flowsLeft: number
  readonly affinityLeft: number
}

const SECOND = 1_000_000_000n

/** `now`: CLOCK_MONOTONIC in nanoseconds. Yields to the event loop between batches. */
export async function sweep(
  dataplane: Dataplane,
  reconciler: Reconciler,
  timeouts: Timeouts,
  now: () => bigint = process.hrtime.bigint,
): Promise<Swept> {
  const restingServices = reconciler.services.resting()
  const restingBackends = reconciler.backends.resting()
  const named = { services: new Set<number>(), backends: new Set<number>() }
  const flows = await sweepFlows(dataplane, timeouts, now, named)
  const affinity = await sweepAffinity(dataplane, reconciler, now, named)
  reconciler.services.settle(restingServices, id => named.services.has(id))
  reconciler.backends.settle(restingBackends, id => named.backends.has(id))
  return { flows: flows.expired, flowsLeft: flows.left, affinity: affinity.expired, affinityLeft: affinity.left }
}

interface Named {
  readonly services: Set<number>
  readonly backends: Set<number>
}

interface Count {
  readonly expired: number
  readonly left: number
}

async function sweepFlows(dataplane: Dataplane, timeouts: Timeouts, now: () => bigint, named: Named): Promise<Count> {
  const limits = limitsOf(timeouts)
  const at = offsets(flowCodec, 'seen', 'state', 'service', 'backend')
  const gone = backendGone(dataplane)
  const map = rawMap(MAPS.flows, dataplane.flows.fd, { operations: dataplane.operations }, 1)
  const suspects: Tuple[] = []
  let left = 0
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
      left++
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
      left++
      named.services.add(kept.service)
      named.backends.add(kept.backend)
    }
  }
  return { expired, left }
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

/** Whether the backend that a flow's or affinity entry's bytes name is gone, or its id has another meaning by now. */
function backendGone(dataplane: Dataplane): (values: Buffer, at: number) => boolean {
  const { memory, stride } = dataplane.backends
  const flow = offsets(flowCodec, 'backend', 'generation')
  const backend = offsets(backendCodec, 'state', 'generation')
  return (values, at) => {
    const id = values.readUInt32LE(at + flow('backend'))
    const generation = values.readUInt32LE(at + flow('generation'))
    const start = id * stride
    return (
      memory.readUInt8(start + backend('state')) === 0 ||
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

async function sweepAffinity(
  dataplane: Dataplane,
  reconciler: Reconciler,
  now: () => bigint,
  named: Named,
): Promise<Count> {
  const seconds = new Map([...reconciler.live.ports.values()].map(port => [port.id, BigInt(port.affinity) * SECOND]))
  let expired = 0
  let left = 0
  for (const [key, affinity] of dataplane.affinity.entries()) {
    const backend = dataplane.backends.read(affinity.backend)
    const gone = backend.state === 0 || backend.generation !== affinity.generation
    if (gone || now() - affinity.used > (seconds.get(key.service) ?? 0n)) {
      dataplane.affinity.delete(key)
      expired++
    } else {
      left++
      named.services.add(key.service)
      named.backends.add(affinity.backend)
    }
  }
  await setImmediate()
  return { expired, left }
}
