// SPDX-License-Identifier: Apache-2.0
/** The agent's log: a line of text, or of JSON, for each thing that happened, and how much of it was bad. */
import { type Logger, levels, pino } from 'pino'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Of the own Node: in each line of JSON. */
  readonly node: string
  /** Takes whole lines. Default: stdout. */
  readonly write?: (line: string) => void
}

/** What has been logged since the start. */
export interface LogTally {
  readonly warnings: number
  readonly errors: number
  readonly lastError: LoggedError | undefined
}

export interface LoggedError {
  readonly time: Date
  readonly message: string
}

export interface Logging {
  readonly log: Logger
  readonly tally: LogTally
}

/** klog's --v: details for debugging begin at 4. Warnings and errors are always logged, as with klog. */
export function levelOfVerbosity(verbosity: number): LogLevel {
  return verbosity >= 4 ? 'debug' : 'info'
}

export function createLogging({ level, format, node, write = writeOut }: LogOptions): Logging {
  const tally = { warnings: 0, errors: 0, lastError: undefined as LoggedError | undefined }
  function count(level: number, message: string): void {
    if (level >= levels.values.error!) {
      tally.errors++
      tally.lastError = { time: new Date(), message }
    } else if (level >= levels.values.warn!) tally.warnings++
  }
  const log = pino(
    {
      level,
      base: { node },
      hooks: {
        logMethod(args, method, level) {
          count(level, String(args.find(arg => typeof arg === 'string') ?? ''))
          method.apply(this, args)
        },
      },
    },
    { write: format === 'json' ? write : line => write(textLine(JSON.parse(line))) },
  )
  return { log, tally }
}

function writeOut(line: string): void {
  process.stdout.write(line)
}

/** 2026-11-21T14:44:44.123Z INFO  applied services=3 writes=17 ms=2 */
function textLine({ time, level, msg, node: _, ...fields }: Record<string, unknown>): string {
  const label = (levels.labels[Number(level)] ?? '').toUpperCase().padEnd(5)
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`)
  return `${[new Date(Number(time)).toISOString(), label, msg, ...rest].join(' ')}\n`
}

/** Quoted where it would not be told from its neighbours. */
function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}
