// SPDX-License-Identifier: Apache-2.0
/** How long programs run, as the kernel counts it (run_time_ns of bpf_prog_info), and medians over interleaved rounds. */
import { readFileSync, writeFileSync } from 'node:fs'
import { bridge } from '../agent/kernel/bridge.ts'

const STATS = '/proc/sys/kernel/bpf_stats_enabled'

export interface Subject {
  readonly name: string
  readonly programFd: number
  /** The frame of the i-th run. */
  readonly frame: (i: number) => Buffer
}

/** Counts run times while `work` runs. */
export function withRunTimes<T>(work: () => T): T {
  const before = readFileSync(STATS, 'utf8')
  writeFileSync(STATS, '1')
  try {
    return work()
  } finally {
    writeFileSync(STATS, before)
  }
}

/** Mean nanoseconds of a run, the clock's own cost included. */
function meanRun({ programFd, frame }: Subject, runs: number): number {
  const before = runTime(programFd)
  for (let i = 0; i < runs; i++) {
    const { errno } = bridge.testRun(programFd, { data: frame(i) })
    if (errno < 0) throw new Error(`test-run failed: errno ${-errno}`)
  }
  const after = runTime(programFd)
  return Number(after.ns - before.ns) / Number(after.count - before.count)
}

function runTime(programFd: number): { readonly ns: bigint; readonly count: bigint } {
  const info = bridge.programInfo(programFd)
  if (typeof info === 'number') throw new Error(`can't read program statistics: errno ${-info}`)
  return { ns: info.runTimeNs, count: info.runCount }
}

/** The means of each subject, one a round; rounds go forward and backward in turn (A-B-B-A). */
export function interleave(subjects: readonly Subject[], rounds: number, runs: number): ReadonlyMap<Subject, number[]> {
  const means = new Map(subjects.map(subject => [subject, [] as number[]]))
  for (let round = 0; round < rounds; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed())
      means.get(subject)?.push(meanRun(subject, runs))
  return means
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
