// SPDX-License-Identifier: Apache-2.0
/**
 * Flows that are not assured stand in a ring for each CPU, and each new one looks whether the flow whose slot it takes is still in the way
 * (bpf/opening.h). That look costs more than all else that a ring does; where the agent knows that few are in the way, so many may be opened
 * without it until the next sweep.
 */

import type { MappedArray } from '../kernel/array.ts'
import { bridge } from '../kernel/bridge.ts'
import type { Ring } from '../kernel/layout.gen.ts'

/**
 * Of each CPU, from the sizes of ek_opening and ek_flows: flows that are not assured may fill half of ek_flows, where each has two entries.
 * One at least: a table that is full makes room by them.
 */
export function ringSlots(opening: number, flows: number): number {
  return Math.max(1, Math.floor(Math.min(opening, flows / 4) / bridge.possibleCpus()))
}

export interface Rings {
  readonly rings: MappedArray<Ring>
  readonly ringSlots: number
}

/** How many flows each CPU has opened so far, modulo 2^32. To be read before flows are counted. */
export function openedFlows({ rings }: Pick<Rings, 'rings'>): readonly number[] {
  return Array.from({ length: Math.min(rings.maxEntries, bridge.possibleCpus()) }, (_, cpu) => rings.read(cpu).opened)
}

/** Half as many as there are slots may stand in no ring. `opened`: before the count; `unassured`: flows, of all CPUs. */
export function spareRings({ rings, ringSlots }: Rings, opened: readonly number[], unassured: number): void {
  const spare = Math.max(0, Math.floor(ringSlots / 2 - unassured / opened.length))
  const { offset } = rings.layout.value.fields.find(({ path }) => path === 'clear_from')!
  // The programs count on beside it: only this field may be written.
  for (const [cpu, count] of opened.entries())
    rings.memory.writeUInt32LE((count + spare) >>> 0, cpu * rings.stride + offset)
}
