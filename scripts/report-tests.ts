// SPDX-License-Identifier: Apache-2.0
/**
 * Reads TAP (tap --reporter=tap) on stdin and tells people and machines how it went: a line for each test file, below it
 * what the tests measured (t.comment) and, when it failed, what failed in it; then "N passed, N failed".
 *
 * A test is what stands at the top level of a test file: a t.test(), or a bare assertion. A file that fails although no
 * test of it failed (it crashed or timed out), or that has no test, counts as one failed test. Exits 1 when something
 * failed or nothing ran.
 */
import { createInterface } from 'node:readline'

interface Point {
  readonly ok: boolean
  readonly skipped: boolean
  readonly name: string
  readonly seconds: string
}

interface Totals {
  passed: number
  failed: number
  skipped: number
}

interface TestFile extends Totals {
  /** All that it said, without the runner's indent. */
  readonly lines: string[]
}

const POINT = /^(not )?ok \d+(?: - (.*?))?(?: # time=([\d.]+)ms)?( # (?:SKIP|TODO).*)?$/
/** Comments that tap writes, not the tests. */
const TAP_COMMENT = /^# (?:Subtest: |time=|\{ total|No coverage|test count|failed \d)/
const INDENT = '    '

function parsePoint(line: string): Point | undefined {
  const match = POINT.exec(line)
  if (match === null) return undefined
  const [, not, name = '', time = '0', directive] = match
  const seconds = (Number(time) / 1000).toFixed(1)
  return { ok: not === undefined, skipped: directive !== undefined, name, seconds }
}

function readTestLine(file: TestFile, line: string): void {
  file.lines.push(line)
  const point = parsePoint(line)
  if (point?.skipped) file.skipped++
  else if (point?.ok) file.passed++
  else if (point) file.failed++
}

/** What the tests themselves could not say of a file that failed; undefined when they said it or all is well. */
function verdict(file: TestFile, point: Point): string | undefined {
  if (file.passed + file.failed + file.skipped === 0) return 'no test ran in this file'
  if (point.ok || file.failed > 0) return undefined
  return 'the file failed, though none of its tests did'
}

/** Comments of the tests, at any depth. */
function comments(lines: readonly string[]): string[] {
  return lines
    .map(line => line.trim())
    .filter(line => line.startsWith('# ') && !TAP_COMMENT.test(line))
    .map(line => line.slice(2))
}

/** The failed tests and assertions with tap's diagnoses, and what the file wrote to stdout. */
function failures(lines: readonly string[]): string[] {
  const found: string[] = []
  let failed = false
  let diagnosis = false
  for (const line of lines) {
    const text = line.trim()
    if (diagnosis || text === '---') {
      if (failed) found.push(line)
      diagnosis = text !== '...'
    } else if (/^(?:not )?ok \d/.test(text)) {
      failed = text.startsWith('not ')
      if (failed) found.push(line)
    } else if (text !== '' && !/^(?:# |\d+\.\.\d)/.test(text)) found.push(line)
  }
  return found
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Counts a file that failed as a whole, prints it and adds it up. */
function endFile(file: TestFile, point: Point, totals: Totals): void {
  const whole = verdict(file, point)
  if (whole !== undefined) file.failed++
  const word = file.failed > 0 ? 'FAILED' : 'ok'
  const tests = file.passed + file.failed + file.skipped
  print(`${word.padEnd(6)} ${point.seconds.padStart(6)} s  ${String(tests).padStart(3)} tests  ${point.name}`)
  for (const comment of comments(file.lines)) print(`         ${comment}`)
  if (file.failed > 0)
    for (const line of [...failures(file.lines), ...(whole ? [whole] : [])]) print(`       | ${line}`)
  for (const key of ['passed', 'failed', 'skipped'] as const) totals[key] += file[key]
}

/** How the file's process ended, out of what the runner says of it. */
function printEnding(line: string): void {
  if (/^ {2}(?:exitCode: [1-9]|signal: SIG|expired: )/.test(line)) print(`       | ${line.trim()}`)
}

function newFile(): TestFile {
  return { passed: 0, failed: 0, skipped: 0, lines: [] }
}

/** Feeds lines in order; prints each file when it has ended. */
function reader(totals: Totals): (line: string) => void {
  let file = newFile()
  let diagnosis = false
  return line => {
    const point = parsePoint(line)
    if (point !== undefined) {
      endFile(file, point, totals)
      file = newFile()
    } else if (line === '  ---' || line === '  ...') diagnosis = line === '  ---'
    else if (diagnosis) printEnding(line)
    else if (line.startsWith(INDENT)) readTestLine(file, line.slice(INDENT.length))
    else if (line.startsWith('Bail out!')) print(line)
  }
}

async function main(): Promise<number> {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
  const read = reader(totals)
  for await (const line of createInterface({ input: process.stdin })) read(line)
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
  print(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`)
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0
}

process.exitCode = await main()
