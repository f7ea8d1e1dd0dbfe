// SPDX-License-Identifier: Apache-2.0
/** Keeps the maps at what a source says: compile, reconcile, and a second try when the kernel refuses. */
import type { Logger } from 'pino'
import type { CompileContext } from '../compile/context.ts'
import { KernelError } from '../kernel/errno.ts'
import { writesOf } from '../kernel/operations.ts'
import type { Node } from '../objects.ts'
import type { Update } from '../source/source.ts'
import type { Changes } from './changes.ts'
import type { Dataplane } from './dataplane.ts'
import { type DesiredState, desiredState } from './desired.ts'
import type { Live } from './live.ts'
import type { Localless } from './localless.ts'
import { type DesiredServices, type Reconciler, reconciler } from './reconciler.ts'
import { type Swept, sweep, type Timeouts } from './sweep.ts'

export interface Driver {
  /** The first complete update is the whole state: what else is in the maps goes. Throws KernelError when the kernel refuses twice. */
  update(update: Update): void
  /** Takes out what has expired. */
  sweep(timeouts: Timeouts): Promise<Swept>
  /** What the source told last, and what is wrong with it. */
  readonly desired: Pick<DesiredState, 'view' | 'keys' | 'context' | 'warnings'>
  /** What is in the maps. */
  readonly live: Live
  /** Elements in use. */
  readonly used: Used
}

export interface Used {
  readonly frontends: number
  readonly backends: number
  readonly tables: number
  readonly services: number
}

/** A change that is in the maps. */
export interface Applied {
  readonly localless: Localless
  /** All Services were gone through, not just those that had changed. */
  readonly full: boolean
  readonly seconds: number
  readonly changes: Changes
}

export interface DriverOptions {
  readonly dataplane: Dataplane
  /** What compile/ must know, given the own node. */
  readonly contextOf: (node: Node | null) => CompileContext
  readonly log: Logger
  /** Called after changes in which backends went. */
  readonly onBackendsGone: () => void
  /** Called with what has not been complained of before: Services that could not be written, and what of others was left out. */
  readonly onComplaints?: (failures: readonly string[], warnings: readonly string[]) => void
  readonly onApplied?: (applied: Applied) => void
}

/** Takes over what the maps hold. */
export function createDriver({
  dataplane,
  contextOf,
  log,
  onBackendsGone,
  onComplaints,
  onApplied,
}: DriverOptions): Driver {
  const state = desiredState(contextOf(null))
  const fresh = newOnes()
  let maps: Reconciler = reconciler(dataplane)
  /** Until then the maps may hold what no complete view has confirmed or denied. */
  let pruned = false
  let sweeping: Promise<Swept> | undefined

  function apply(desired: DesiredServices, whole: boolean, full = whole): void {
    const started = performance.now()
    const before = writesOf(dataplane.operations)
    const released = maps.backends.released
    const failures = maps.apply(desired, whole)
    if (maps.backends.released > released) onBackendsGone()
    const writes = writesOf(dataplane.operations) - before
    const ms = performance.now() - started
    log.info({ services: desired.size, writes, ms: Math.round(ms) }, 'applied')
    onApplied?.({ localless: state.localless, full, seconds: ms / 1_000, changes: state.takeChanges() })
    const messages = failures.map(({ message }) => message)
    const warnings = fresh(state.warnings())
    for (const message of messages) log.error(message)
    for (const warning of warnings) log.warn(warning)
    if (messages.length + warnings.length > 0) onComplaints?.(messages, warnings)
  }

  /** After a refused batch our picture of the maps may be wrong: read them, and write all that differs. */
  function repair(error: unknown): void {
    if (!(error instanceof KernelError)) throw error
    log.error({ error: error.message }, 'the kernel refused a change: reading the maps back for another try')
    maps = reconciler(dataplane)
    apply(state.all(), pruned, true)
  }

  /** An empty folder, or another cluster: whoever meant another one should read why everything is gone. */
  function tellEnding(): void {
    const known = new Set(state.keys())
    const ending = [...maps.live.byService.keys()].filter(key => !known.has(key)).sort()
    if (ending.length === 0) return
    const shown = ending.slice(0, SHOWN).join(', ')
    const more = ending.length > SHOWN ? ` and ${ending.length - SHOWN} more` : ''
    log.warn(`the source does not have Services that were served until now; they end: ${shown}${more}`)
  }

  return {
    update({ services, node, incomplete }) {
      const desired = state.update(services, node === undefined ? undefined : contextOf(node))
      const whole = !pruned && !incomplete
      if (whole) tellEnding()
      try {
        apply(whole ? state.all() : desired, whole, whole || node !== undefined)
      } catch (error) {
        repair(error)
      }
      pruned ||= whole
    },
    sweep(timeouts) {
      // One that takes longer than the time between two is not overtaken.
      sweeping ??= sweep(dataplane, maps, timeouts).finally(() => {
        sweeping = undefined
      })
      return sweeping
    },
    desired: state,
    get live() {
      return maps.live
    },
    get used() {
      const { live, backends, arena } = maps
      return {
        frontends: live.frontends.size,
        backends: backends.used,
        tables: arena.used,
        services: live.ports.size,
      }
    },
  }
}

/** Of names in a line of the log. */
const SHOWN = 5

/** Tells which lines were not there the time before. */
export function newOnes(): (lines: readonly string[]) => string[] {
  let known = new Set<string>()
  return lines => {
    const fresh = lines.filter(line => !known.has(line))
    known = new Set(lines)
    return fresh
  }
}
