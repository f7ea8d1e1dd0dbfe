// SPDX-License-Identifier: Apache-2.0
/** Processes, known by pid and start time: a pid alone may be another's by now. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ProcessId {
  readonly pid: number
  /** Clock ticks after boot (field 22 of /proc/PID/stat, proc_pid_stat(5)). */
  readonly start: string
}

/** undefined: no such process, or it has ended and waits for its parent. */
export function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses that may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, start: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

export function isAlive({ pid, start }: ProcessId): boolean {
  return processId(pid)?.start === start
}

/** Signals this process and no other. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return
  try {
    process.kill(id.pid, signal)
  } catch {
    // Ended in between.
  }
}

/** Milliseconds to wait are an upper bound; answers whether it has ended. */
export async function waitForEnd(id: ProcessId, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (isAlive(id)) {
    if (Date.now() > deadline) return false
    await sleep(10)
  }
  return true
}
