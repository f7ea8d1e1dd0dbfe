// SPDX-License-Identifier: Apache-2.0
/** The second half of a change, when no frontend leads to the old state any more. */
import { addPort, type LivePort, removePort } from './live.ts'
import { freeBackend, type Parts, type Pass, type Prepared, writeBackend } from './prepare.ts'
import { dropRanges } from './ranges.ts'

export function finishPort(pass: Pass, { before, after }: Prepared): void {
  for (const [text, backend] of after.backends) {
    if (before?.backends.has(text)) writeBackend(pass, parseBackend(text), after.id, backend)
  }
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
  for (const [text, backend] of before.backends) {
    if (after?.backends.get(text)?.id === backend.id) continue
    freeBackend(parts, backend)
    parts.backends.release(backend.id)
  }
  dropRanges(parts, before, after)
  for (const [pool, { run }] of before.tables) {
    if (after?.tables.get(pool)?.run.start !== run.start) parts.arena.release(run)
  }
}

function parseBackend(text: string): { address: string; port: number } {
  const [address = '', port = ''] = text.split(' ')
  return { address, port: Number(port) }
}
