// SPDX-License-Identifier: Apache-2.0
/** A Service port's backends on their way into ek_backends. */
import type { Backend } from '../compile/compiled.ts'
import { BackendFlag } from '../kernel/layout.gen.ts'
import type { LivePort } from './live.ts'
import type { Parts, Taken } from './prepare.ts'

export interface PlacedBackends {
  /** In the order of compile. */
  readonly ids: readonly number[]
  /** Backends that are to be in fewer pools when no frontend leads to the old tables any more. */
  readonly narrowed: readonly (readonly [id: number, pools: number])[]
}

const NONE: readonly never[] = []

/** The members that are new, and for the others every pool that they are or will be in. Throws RangeError when ids run out. */
export function placeBackends(
  { slots, backends: pool }: Parts,
  backends: readonly Backend[],
  before: LivePort | undefined,
  service: number,
  taken: Taken,
): PlacedBackends {
  const known = slots.finder(before?.backends ?? NONE)
  const narrowed: [number, number][] = []
  const ids = backends.map(backend => {
    const found = known(backend)
    const id = found ?? pool.take()
    if (found === undefined) taken.backends.push(id)
    const pools = backend.pools | (found === undefined ? 0 : slots.pools(id))
    if (pools !== backend.pools) narrowed.push([id, backend.pools])
    const generation = found === undefined ? (slots.generation(id) + 1) >>> 0 : slots.generation(id)
    slots.write(id, backend, { service, pools, generation, flags: backend.local ? BackendFlag.LOCAL : 0 })
    return id
  })
  return { ids: before && sameIds(ids, before.backends) ? before.backends : ids, narrowed }
}

export function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((id, i) => id === b[i]))
}
