// SPDX-License-Identifier: Apache-2.0
/**
 * Ids that are given out, rest after use, and are given out again only when a look through all flows and affinity entries has
 * shown that nothing names them any more.
 */

export interface IdPool {
  /** Throws RangeError when none is left. */
  take(): number
  /** Marks an id that was found in use after a restart. */
  claim(id: number): void
  isUsed(id: number): boolean
  /** For an id that nothing has ever named. */
  giveBack(id: number): void
  /** The id rests until it is settled. */
  release(id: number): void
  /** The ids that rest now: pass them to settle() after a look-through that began afterwards. */
  resting(): readonly number[]
  /** Frees those of the ids that nothing names. */
  settle(ids: readonly number[], isNamed: (id: number) => boolean): void
  readonly used: number
  /** How often release() was called. */
  readonly released: number
}

/** Ids 1 to size - 1; 0 means none. `what` is for the error: "backends". */
export function idPool(what: string, size: number): IdPool {
  /** 1: in use. */
  const claimed = new Uint8Array(size)
  const rest = new Set<number>()
  const free: number[] = []
  let next = 1
  let used = 0
  let released = 0

  function mark(id: number, use: 0 | 1): void {
    used += use - (claimed[id] ?? use)
    claimed[id] = use
  }

  return {
    take() {
      while (next < size && (claimed[next] === 1 || rest.has(next))) next++
      const id = free.pop() ?? next
      if (id >= size)
        throw new RangeError(
          `no id is left for ${what}: all ${size - 1} are in use; raise sizes.${what} in the configuration`,
        )
      if (id === next) next++
      mark(id, 1)
      return id
    },
    claim: id => mark(id, 1),
    isUsed: id => claimed[id] === 1,
    giveBack(id) {
      mark(id, 0)
      free.push(id)
    },
    release(id) {
      released++
      mark(id, 0)
      rest.add(id)
    },
    resting: () => [...rest],
    settle(ids, isNamed) {
      for (const id of ids)
        if (rest.has(id) && !isNamed(id)) {
          rest.delete(id)
          free.push(id)
        }
    },
    get used() {
      return used
    },
    get released() {
      return released
    },
  }
}
