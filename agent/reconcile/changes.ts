// SPDX-License-Identifier: Apache-2.0
/** What updates were about: how many objects, and since when they had been waited for. Only counted, never decided upon. */
import type { EndpointSlice, ServiceView } from '../objects.ts'

export interface Changes {
  services: number
  slices: number
  /** Of slices that are new or others, where they say so. */
  readonly triggers: Trigger[]
}

export interface Trigger {
  readonly family: EndpointSlice['addressType']
  /** Milliseconds since the epoch. */
  readonly time: number
}

export function noChanges(): Changes {
  return { services: 0, slices: 0, triggers: [] }
}

const NONE: readonly never[] = []

/** Objects are immutable: one that is the same is unchanged. */
export function addChange(changes: Changes, before: ServiceView | undefined, after: ServiceView | undefined): void {
  if (before === after) return
  if (before?.service !== after?.service) changes.services++
  const [known, now] = [before?.slices ?? NONE, after?.slices ?? NONE]
  for (const slice of now) {
    if (known.includes(slice)) continue
    changes.slices++
    if (slice.triggered !== undefined) changes.triggers.push({ family: slice.addressType, time: slice.triggered })
  }
  if (known.length === 0) return
  const names = new Set(now.map(({ name }) => name))
  for (const { name } of known) if (!names.has(name)) changes.slices++
}
