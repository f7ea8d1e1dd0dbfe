// SPDX-License-Identifier: Apache-2.0
/** From decoded objects to maps, one change, and a restart: time, memory, and what is asked of the kernel. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { maglevTable } from '../agent/compile/maglev.ts'
import { median } from './abba.ts'
import { ENDPOINTS } from './control-plane-objects.ts'
import type { Outcome } from './control-plane-run.ts'
import { benchOptions, type Control, publish, type Row, type Target } from './report.ts'

const { rounds: ROUNDS, changes: CHANGES } = benchOptions('The way of objects into maps, each time in a new process.', {
  rounds: [3, 'how often each size is done'],
  changes: [500, 'one endpoint each'],
})

const SIZES = [1_000, 10_000, 50_000]
/** The size that the targets are about. */
const JUDGED = 10_000
const BPFFS = '/sys/fs/bpf'

const FILL: Target = { must: 3_000, aim: 500 }
const CHANGE: Target = { must: 10, aim: 1 }
const CHANGE_CALLS: Target = { must: 10, aim: 10 }
const SELECTION: Target = { must: 2_048, aim: 1_024 }
const RSS: Target = { must: 250, aim: 150 }
const RESTART_WRITES: Target = { must: 0, aim: 0 }

interface Pair {
  readonly start: Outcome
  readonly restart: Outcome
}

/** Starts with empty maps, then again with full ones. */
function pair(size: number): Pair {
  const folder = join(BPFFS, `ek-bench-${process.pid}`)
  mkdirSync(folder)
  try {
    return { start: run(folder, size, 0), restart: run(folder, size, CHANGES) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(folder: string, size: number, changes: number): Outcome {
  const program = join(import.meta.dirname, 'control-plane-run.ts')
  const argv = [program, folder, String(size), String(changes)]
  // As ./evenkeel starts the agent.
  const malloc = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '32768' }
  const env = { NODE_COMPILE_CACHE: '/var/cache/evenkeel', ...malloc, ...process.env }
  return JSON.parse(
    execFileSync(process.execPath, ['--max-semi-space-size=4', '--expose-gc', ...argv], { encoding: 'utf8', env }),
  )
}

function rowsOf(size: number, pairs: readonly Pair[]): Row[] {
  const of = (pick: (pair: Pair) => number) => median(pairs.map(pick))
  const judged = <T>(target: T) => (size === JUDGED ? { target } : {})
  const megabytes = (bytes: number) => bytes / 1e6
  const row = (what: string, value: number, unit: string, target: Target, note = ''): Row => ({
    what: `${size} Services x ${ENDPOINTS}: ${what}`,
    value,
    unit,
    note,
    ...judged(target),
  })
  const plain = (what: string, value: number, unit: string): Row => ({
    what: `${size} Services x ${ENDPOINTS}: ${what}`,
    value,
    unit,
  })
  const cpu = (pick: (pair: Pair) => Outcome) => `${of(pair => pick(pair).cpu).toFixed(0)} ms of CPU`
  const [{ start, restart } = pairs[0]!] = pairs
  return [
    row(
      'objects to maps',
      of(({ start }) => start.wall),
      'ms',
      FILL,
      `${cpu(({ start }) => start)}, ${start.writes} elements, ${start.syscalls} system calls`,
    ),
    row(
      'RSS, objects included',
      megabytes(of(({ start }) => start.rss)),
      'MB',
      RSS,
      `${megabytes(start.rssEmpty).toFixed(0)} MB before there was any, ${megabytes(start.peak).toFixed(0)} MB at most; ` +
        `${megabytes(start.heap).toFixed(0)} MB of heap in use`,
    ),
    plain("of it the maps, which are the kernel's", megabytes(start.rssMaps), 'MB'),
    plain("of it files (Node's program)", megabytes(start.rssFiles), 'MB'),
    plain("JavaScript objects in use, without the source's", megabytes(of(({ start }) => start.heapOwn)), 'MB'),
    row('selection memory a Service', start.selection / size, 'B', SELECTION),
    plain('all maps, at their full size', megabytes(start.kernel), 'MB'),
    row(
      'restart, nothing changed',
      of(({ restart }) => restart.wall),
      'ms',
      FILL,
      cpu(({ restart }) => restart),
    ),
    row('restart, nothing changed: writes', restart.writes, '', RESTART_WRITES),
    row(
      'one endpoint change, p50',
      of(({ restart }) => restart.changes!.p50),
      'ms',
      CHANGE,
    ),
    row(
      'one endpoint change, p99',
      of(({ restart }) => restart.changes!.p99),
      'ms',
      { ...CHANGE, aim: CHANGE.must },
    ),
    plain('one endpoint change: elements written, at most', restart.changes!.writes, ''),
    row('one endpoint change: system calls, at most', restart.changes!.syscalls, '', CHANGE_CALLS),
  ]
}

/** Maglev tables a second, on one processor: the best of nine tries. */
function tableRows(): Row[] {
  return [2, 10, 100, 1_000].map(count => {
    const backends = Array.from({ length: count }, (_, i) => ({ address: `10.1.${i >> 8}.${i & 255}`, port: 8080 }))
    const times = Array.from({ length: 9 }, () => {
      const tables = Math.ceil(20_000 / count)
      const began = performance.now()
      for (let i = 0; i < tables; i++) maglevTable(backends)
      return (performance.now() - began) / tables
    })
    return { what: `tables of ${count} backends, a second`, value: 1_000 / Math.min(...times), unit: '' }
  })
}

function main(): void {
  // The first process fills Node's compile cache.
  pair(1)
  const pairs = new Map(SIZES.map(size => [size, [] as Pair[]]))
  for (let round = 0; round < ROUNDS; round++)
    for (const size of round % 2 === 0 ? SIZES : SIZES.toReversed()) pairs.get(size)!.push(pair(size))
  const all = [...pairs.values()].flat().flatMap(({ start, restart }) => [start, restart])
  const controls: Control[] = [
    { what: 'a fixed piece of work, after / before', ratio: median(all.map(({ calm }) => calm)) },
  ]
  const report = {
    part: 'control plane',
    method: `medians of ${ROUNDS} rounds, each in new processes with new maps; ${CHANGES} changes after the restart`,
    rows: [...[...pairs].flatMap(([size, some]) => rowsOf(size, some)), ...tableRows()],
    controls,
  }
  publish(report)
}

main()
