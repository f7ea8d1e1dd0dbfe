// SPDX-License-Identifier: Apache-2.0
/** Where runs of blocks lie in ek_tables. Knows nothing of what is in them. */

export interface Run {
  /** First block. */
  readonly start: number
  readonly blocks: number
}

export interface Arena {
  /** Throws RangeError when there is no room. */
  take(blocks: number): Run
  /** Marks a run that was found in use after a restart. Call for all before the first take(). */
  claim(run: Run): void
  /** The run rests for the grace time, in which a program may still read it. */
  release(run: Run): void
  /** Blocks in use. */
  readonly used: number
  readonly size: number
}

/** Far longer than any program runs. Milliseconds. */
const GRACE = 1_000

/** `now` in milliseconds of any steady clock. */
export function arena(size: number, now: () => number): Arena {
  const bySize = new Map<number, number[]>()
  const resting: { readonly run: Run; readonly until: number }[] = []
  let claimed: Run[] = []
  let top = 0
  let used = 0

  function keep(start: number, blocks: number): void {
    if (blocks <= 0) return
    const starts = bySize.get(blocks)
    if (starts) starts.push(start)
    else bySize.set(blocks, [start])
  }

  /** Turns the gaps between claimed runs into free ones. */
  function layOut(): void {
    for (const { start, blocks } of claimed.sort((a, b) => a.start - b.start)) {
      keep(top, start - top)
      top = Math.max(top, start + blocks)
    }
    claimed = []
  }

  function wake(): void {
    while (resting[0] && resting[0].until <= now()) {
      const { run } = resting.shift() as { run: Run }
      keep(run.start, run.blocks)
    }
  }

  /** Joins neighbours among the free runs: only when nothing else helps. */
  function coalesce(): void {
    const runs = [...bySize].flatMap(([blocks, starts]) => starts.map(start => ({ start, blocks })))
    bySize.clear()
    let last: { start: number; blocks: number } | undefined
    for (const run of runs.sort((a, b) => a.start - b.start)) {
      if (last && last.start + last.blocks === run.start) last.blocks += run.blocks
      else {
        if (last) keep(last.start, last.blocks)
        last = { ...run }
      }
    }
    if (last && last.start + last.blocks === top) top = last.start
    else if (last) keep(last.start, last.blocks)
  }

  function takeFree(blocks: number): number | undefined {
    const exact = bySize.get(blocks)?.pop()
    if (exact !== undefined) return exact
    if (top + blocks <= size) {
      top += blocks
      return top - blocks
    }
    const larger = [...bySize.entries()]
      .filter(([n, starts]) => n > blocks && starts.length > 0)
      .sort(([a], [b]) => a - b)[0]
    const start = larger?.[1].pop()
    if (larger === undefined || start === undefined) return undefined
    keep(start + blocks, larger[0] - blocks)
    return start
  }

  return {
    take(blocks) {
      if (claimed.length > 0) layOut()
      wake()
      let start = takeFree(blocks)
      if (start === undefined) {
        coalesce()
        start = takeFree(blocks)
      }
      if (start === undefined)
        throw new RangeError(
          `no room for a table of ${blocks} blocks: ${used} of ${size} are in use; raise sizes.tables in the configuration`,
        )
      used += blocks
      return { start, blocks }
    },
    claim(run) {
      claimed.push(run)
      used += run.blocks
    },
    release(run) {
      used -= run.blocks
      resting.push({ run, until: now() + GRACE })
    },
    get used() {
      return used
    },
    size,
  }
}
