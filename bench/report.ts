// SPDX-License-Identifier: Apache-2.0
/** What a bench says: a table with targets, and the same in bench/results/latest.json, by part. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTable } from '../agent/cli/output.ts'
import { LARGEST_NOISE } from './abba.ts'

export const RESULTS = join(import.meta.dirname, 'results')

/** How far a value may go. */
export interface Target {
  readonly must: number
  readonly aim: number
  /** The larger the better. */
  readonly least?: boolean
}

export interface Row {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly target?: Target
  readonly note?: string
}

export interface Control {
  readonly what: string
  /** Of the same thing to itself: 1 on a quiet machine. */
  readonly ratio: number
}

/** How values go with something else, such as the number of Services. */
export interface Series {
  readonly title: string
  readonly unit: string
  /** What `x` is. */
  readonly over: string
  readonly lines: readonly {
    readonly name: string
    readonly points: readonly { readonly x: number; readonly y: number }[]
  }[]
}

export interface Report {
  readonly part: string
  readonly method: string
  readonly rows: readonly Row[]
  readonly controls: readonly Control[]
  readonly series?: readonly Series[]
}

/** As it is in a file. */
export interface SavedReport extends Report {
  /** ISO 8601. */
  readonly date: string
  readonly kernel: string
  readonly commit: string
  readonly cpus: number
  readonly cpu: string
  readonly noisy: boolean
}

export function isNoisy(controls: readonly Control[]): boolean {
  return controls.some(({ ratio }) => Math.abs(ratio - 1) > LARGEST_NOISE)
}

export function publish(report: Report): void {
  printReport(report)
  saveReport(report)
}

function printReport({ part, method, rows, controls }: Report): void {
  const lines = [
    `## ${part}`,
    '',
    formatTable(['what', 'value', 'must', 'aim', ''], rows.map(line)),
    '',
    ...controls.map(({ what, ratio }) => `control: ${what}: ${ratio.toFixed(3)}`),
    method,
    ...(isNoisy(controls)
      ? [`NOISY: a control is off by more than ${LARGEST_NOISE * 100} %: do not quote this run`]
      : []),
  ]
  process.stdout.write(`${lines.join('\n')}\n\n`)
}

function line({ what, value, unit, target, note = '' }: Row): string[] {
  if (!target) return [what, valueText(value, unit), '', '', note]
  const sign = target.least ? '>=' : '<='
  const limit = (value: number) => `${sign} ${valueText(value, unit)}`
  return [
    what,
    valueText(value, unit),
    limit(target.must),
    limit(target.aim),
    [verdict(value, target), note].join(' ').trim(),
  ]
}

export function verdict(value: number, { must, aim, least = false }: Target): string {
  const reaches = (limit: number) => (least ? value >= limit : value <= limit)
  return reaches(aim) ? 'aim met' : reaches(must) ? 'must met' : 'MISSED'
}

export function valueText(value: number, unit: string): string {
  const digits = unit === 'ratio' ? 3 : unit === '' || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return `${value.toFixed(digits)}${unit === '' || unit === 'ratio' ? '' : ` ${unit}`}`
}

/** Puts a part into latest.json; those of other parts stay, each with its own time and commit. */
function saveReport(report: Report): void {
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, 'latest.json')
  const saved: SavedReport = { ...where(), noisy: isNoisy(report.controls), ...report }
  const all = { ...readResults(file), [report.part]: saved }
  writeFileSync(`${file}.new`, `${JSON.stringify(all, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** By part; nothing where there is no such file. */
export function readResults(file: string): Readonly<Record<string, SavedReport>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}

function where(): Omit<SavedReport, keyof Report | 'noisy'> {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  let commit = 'unknown'
  try {
    commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : ' with changes')
  } catch {
    // Not a checkout, or not ours (safe.directory).
  }
  const [cpu] = cpus()
  return { date: new Date().toISOString(), kernel: release(), commit, cpus: cpus().length, cpu: cpu?.model ?? '' }
}

/** A bench's numbers from its command line, all optional; prints help and ends the process when asked to. */
export function benchOptions<const N extends string>(
  about: string,
  options: Readonly<Record<N, readonly [preset: number, what: string]>>,
): Readonly<Record<N, number>> {
  const entries = Object.entries(options) as [N, readonly [number, string]][]
  const named = Object.fromEntries(entries.map(([name]) => [name, { type: 'string' }] as const))
  const { values } = parseArgs({ options: { ...named, help: { type: 'boolean' } } })
  if (values.help) {
    const lines = entries.map(([name, [preset, what]]) => `  --${name} N  ${what} (${preset})`)
    process.stdout.write(`${[about, '', ...lines].join('\n')}\n`)
    process.exit(0)
  }
  const numbers = entries.map(
    ([name, [preset]]) => [name, numberOf(name, (values as Record<string, unknown>)[name] ?? preset)] as const,
  )
  return Object.fromEntries(numbers) as Record<N, number>
}

function numberOf(name: string, value: unknown): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  process.stderr.write(`--${name} takes a whole number above 0, not "${value}"\n`)
  process.exit(1)
}
