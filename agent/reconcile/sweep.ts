// SPDX-License-Identifier: Apache-2.0
/**
 * Looks through flows, affinity entries and sockets, takes out what has expired, and frees ids that nothing names any more. Under memory
 * pressure programs make room by themselves (bpf/room.h), and the kernel does in LRU maps; this is what keeps them small in quiet times.
 */
import { setImmediate } from 'node:timers/promises'
import { BackendState, SockFlag } from '../kernel/layout.gen.ts'
import type { Dataplane, SocketMaps } from './dataplane.ts'
import type { Reconciler } from './reconciler.ts'
import { openedFlows, spareRings } from './rings.ts'
import { type FlowStates, sweepFlows } from './sweep-flows.ts'

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
  readonly states: FlowStates
  readonly affinityLeft: number
  /** What is remembered of sockets. */
  readonly sockets: number
  readonly origLeft: number
  readonly choicesLeft: number
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
  const opened = openedFlows(dataplane)
  const flows = await sweepFlows(dataplane, timeouts, now, named)
  spareRings(dataplane, opened, flows.unassured)
  const affinity = await sweepAffinity(dataplane, reconciler, now, named)
  const orig = await sweepSockets(dataplane, dataplane.sockets?.orig, named)
  const choices = await sweepSockets(dataplane, dataplane.sockets?.choices, named)
  reconciler.services.settle(restingServices, id => named.services.has(id))
  reconciler.backends.settle(restingBackends, id => named.backends.has(id))
  return {
    flows: flows.expired,
    flowsLeft: flows.left,
    states: flows.states,
    affinity: affinity.expired,
    affinityLeft: affinity.left,
    sockets: orig.expired + choices.expired,
    origLeft: orig.left,
    choicesLeft: choices.left,
  }
}

/** Ids that some entry names still. */
export interface Named {
  readonly services: Set<number>
  readonly backends: Set<number>
}

export interface Count {
  readonly expired: number
  readonly left: number
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
    const gone = backend.state === BackendState.FREE || backend.generation !== affinity.generation
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

/**
 * A socket that is not connected chooses anew when its backend is gone; what it was given before is of no more use. Entries of
 * connected sockets go when the socket is closed.
 */
async function sweepSockets(
  { backends }: Dataplane,
  map: SocketMaps['orig'] | undefined,
  named: Named,
): Promise<Count> {
  let expired = 0
  let left = 0
  for (const [key, socket] of map?.entries() ?? []) {
    const { state, generation } = backends.read(socket.backend)
    const gone = state === BackendState.FREE || generation !== socket.generation
    if (gone && !(socket.flags & SockFlag.CONNECTED)) {
      map?.delete(key)
      expired++
      continue
    }
    left++
    named.services.add(socket.service)
    named.backends.add(socket.backend)
  }
  await setImmediate()
  return { expired, left }
}
