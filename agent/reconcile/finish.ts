// SPDX-License-Identifier: Apache-2.0
/** The second half of a change, when no frontend leads to the old state any more. */
import { addPort, type LivePort, removePort } from './live.ts'
import { sameIds } from './place-backends.ts'
import type { Parts, Pass, Prepared } from './prepare.ts'
import { dropRanges } from './ranges.ts'

export function finishPort(pass: Pass, { before, after, narrowed }: Prepared): void {
  for (const [id, pools] of narrowed) pass.slots.setPools(id, pools)
  if (before) releaseRest(pass, before, after)
  addPort(pass.live, after)
}

export function finishRemoval(pass: Pass, port: LivePort): void {
  releaseRest(pass, port)
  pass.services.release(port.id)
  removePort(pass.live, port)
}

/** Backends, ranges and runs of `before` that `after` does not have. */
function releaseRest(parts: Parts, before: LivePort, after?: LivePort): void {
  if (after === undefined || !sameIds(before.backends, after.backends)) releaseBackends(parts, before, after)
  dropRanges(parts, before, after)
  for (const { run } of before.tables)
    if (!after?.tables.some(table => table.run.start === run.start)) parts.arena.release(run)
}

function releaseBackends({ slots, backends }: Parts, before: LivePort, after: LivePort | undefined): void {
  const kept = new Set(after?.backends)
  for (const id of before.backends) {
    if (kept.has(id)) continue
    slots.free(id)
    backends.release(id)
  }
}
