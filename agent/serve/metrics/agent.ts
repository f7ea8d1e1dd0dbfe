// SPDX-License-Identifier: Apache-2.0
/** The agent itself: which one it is, whether it can read its source, and what it has complained about. */
import { release } from 'node:os'
import type { LogTally } from '../../log.ts'
import type { Problem } from '../../source/source.ts'
import { VERSION } from '../../version.ts'
import { Counter, Gauge, type Registry } from './prom-client.ts'

export interface AgentMetrics {
  /** All problems of the source that stand now. */
  problems(problems: readonly Problem[]): void
}

export function createAgentMetrics(registry: Registry, tally: LogTally): AgentMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  new Gauge({
    name: 'evenkeel_build_info',
    help: 'Always 1: versions of the agent, of Node.js and of the kernel.',
    labelNames: ['version', 'node', 'kernel'],
    registers,
  }).set({ version: VERSION, node: process.version, kernel: release() }, 1)
  const readable = gauge(
    'evenkeel_source_readable',
    'Whether all that Services come from can be read: 0 while what is served may be out of date.',
  )
  const standing = gauge('evenkeel_source_problems', 'Problems of manifests or API objects that stand now.')
  readable.set(1)
  const logged = new Counter({
    name: 'evenkeel_log_lines_total',
    help: 'Warnings and errors that were logged.',
    labelNames: ['level'],
    registers,
    collect() {
      logged.reset()
      logged.inc({ level: 'warn' }, tally.warnings)
      logged.inc({ level: 'error' }, tally.errors)
    },
  })
  const lastError: Gauge = new Gauge({
    name: 'evenkeel_last_error_timestamp_seconds',
    help: 'When an error was last logged; 0: never. evenkeel status shows it.',
    registers,
    collect() {
      lastError.set((tally.lastError?.time.getTime() ?? 0) / 1_000)
    },
  })
  return {
    problems(problems) {
      readable.set(problems.some(({ unread, blocking }) => unread || blocking) ? 0 : 1)
      standing.set(problems.length)
    },
  }
}
