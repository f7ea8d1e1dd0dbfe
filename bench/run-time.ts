// SPDX-License-Identifier: Apache-2.0
/** How long a program runs: BPF_PROG_TEST_RUN, in two ways. */
import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { bridge } from '../agent/kernel/bridge.ts'

const STATS = '/proc/sys/kernel/bpf_stats_enabled'

/** Counts run times while `work` runs. */
export async function withRunTimes<T>(work: () => Promise<T>): Promise<T> {
  const before = readFileSync(STATS, 'utf8')
  writeFileSync(STATS, '1')
  try {
    return await work()
  } finally {
    writeFileSync(STATS, before)
  }
}

/**
 * Mean nanoseconds of a run when each is a system call of its own, as the kernel counts them (run_time_ns of bpf_prog_info; the
 * clock's cost included). Between two runs the processor does something else, as between two packets.
 */
export function apart(programFd: number, frame: () => Buffer, runs: number, ctx?: Buffer): number {
  const before = runTime(programFd)
  for (let i = 0; i < runs; i++) run(programFd, frame(), 1, ctx)
  const after = runTime(programFd)
  return Number(after.ns - before.ns) / Number(after.count - before.count)
}

export interface PackedOptions {
  readonly calls?: number
  /** struct xdp_md. */
  readonly ctx?: Buffer
}

/**
 * Mean nanoseconds of a run when they follow each other closely, on one packet: it must come out of the program as it went in.
 * A system call tells whole nanoseconds, so there are several.
 */
export function packed(programFd: number, frame: Buffer, runs: number, options: PackedOptions = {}): number {
  const { calls = 10, ctx } = options
  let sum = 0
  for (let i = 0; i < calls; i++) sum += run(programFd, frame, Math.ceil(runs / calls), ctx)
  return sum / calls
}

function run(programFd: number, data: Buffer, repeat: number, ctx?: Buffer): number {
  const { errno, duration } = bridge.testRun(programFd, { data, repeat, ...(ctx && { ctx }) })
  // Runs in a row are broken off by signals.
  if (errno === -constants.errno.EINTR) return run(programFd, data, repeat, ctx)
  if (errno < 0) throw new Error(`test-run failed: errno ${-errno}`)
  return duration
}

function runTime(programFd: number): { readonly ns: bigint; readonly count: bigint } {
  const info = bridge.programInfo(programFd)
  if (typeof info === 'number') throw new Error(`can't read program statistics: errno ${-info}`)
  return { ns: info.runTimeNs, count: info.runCount }
}
