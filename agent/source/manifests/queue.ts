// SPDX-License-Identifier: Apache-2.0
/** Hints gathered until they pause, then worked off, one batch at a time. */
import type { Hint } from './folder.ts'

export interface QueueOptions {
  readonly debounceMs: number
  readonly rescanMs: number
  readonly retryMs: number
}

export interface Queue {
  readonly add: (hint: Hint) => void
  readonly start: () => void
  /** Resolves when the last batch is done. */
  readonly stop: () => Promise<void>
}

/** A stream of hints that never pauses is worked off after this many pauses' time. */
const MAX_DEBOUNCES = 20

/** Looking at everything again takes at most one part in so many of the time: a hundred thousand files are a second's work. */
const RESCAN_SHARE = 200

/** `work`: these files, or (undefined) everything; false when it should be tried again. */
export function createQueue(
  options: QueueOptions,
  work: (files: ReadonlySet<string> | undefined) => Promise<boolean>,
): Queue {
  let files = new Set<string>()
  let all = false
  let since = 0
  let timer: NodeJS.Timeout | undefined
  let rescan: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let stopped = true

  function schedule(delay: number): void {
    clearTimeout(timer)
    if (stopped || running) return
    const patience = since + MAX_DEBOUNCES * options.debounceMs - performance.now()
    timer = setTimeout(run, Math.max(0, Math.min(delay, patience)))
  }

  function run(): void {
    timer = undefined
    const batch = all ? undefined : files
    files = new Set()
    all = false
    since = 0
    const began = performance.now()
    running = work(batch).then(done => {
      if (batch === undefined) rescanLater(performance.now() - began)
      running = undefined
      if (!done) all = true
      since ||= performance.now()
      if (all || files.size > 0) schedule(done ? options.debounceMs : options.retryMs)
      else since = 0
    })
  }

  /** `took`: the last time, in milliseconds. */
  function rescanLater(took: number): void {
    clearTimeout(rescan)
    if (!stopped) rescan = setTimeout(() => add(undefined), Math.max(options.rescanMs, took * RESCAN_SHARE))
  }

  function add(hint: Hint): void {
    if (hint === undefined) all = true
    else files.add(hint)
    since ||= performance.now()
    schedule(options.debounceMs)
  }

  return {
    add,
    start() {
      stopped = false
      if (all || files.size > 0) schedule(options.debounceMs)
      rescanLater(0)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      clearTimeout(rescan)
      await running
    },
  }
}
