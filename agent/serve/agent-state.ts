// SPDX-License-Identifier: Apache-2.0
/** How the agent does, as it tells `evenkeel status`. */
import type { LogTally } from '../log.ts'
import type { Problem } from '../source/source.ts'
import { VERSION } from '../version.ts'
import type { Health } from './health.ts'

export interface AgentState {
  readonly pid: number
  readonly version: string
  /** Times are in RFC 3339; null: not yet. */
  readonly startedAt: string
  readonly lastApplied: string | null
  /** As of /livez: changes reach the maps in time. */
  readonly healthy: boolean
  /** Whether all that Services come from can be read now. */
  readonly sourceReadable: boolean
  /** How many there are, and the first ones. */
  readonly problemCount: number
  readonly problems: readonly string[]
  readonly warnings: number
  readonly errors: number
  readonly lastError: { readonly time: string; readonly message: string } | null
}

const SHOWN = 20

export function agentState(health: Health, problems: readonly Problem[], tally: LogTally, startedAt: Date): AgentState {
  const { healthy, lastApplied, sourceError } = health.report()
  const { warnings, errors, lastError } = tally
  return {
    pid: process.pid,
    version: VERSION,
    startedAt: startedAt.toISOString(),
    lastApplied: lastApplied?.toISOString() ?? null,
    healthy,
    sourceReadable: sourceError === undefined,
    problemCount: problems.length,
    problems: problems.slice(0, SHOWN).map(problemText),
    warnings,
    errors,
    lastError: lastError ? { time: lastError.time.toISOString(), message: lastError.message } : null,
  }
}

export function problemText({ where, message }: Problem): string {
  return `${where}: ${message}`
}
