// SPDX-License-Identifier: Apache-2.0
/** Programs that run in the lab, in the place "outside", until they are killed or the lab goes down. */
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'

export const PLACE = 'outside'

export interface Daemon {
  readonly pid: number
  /** Waits until it has ended. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
}

export interface DaemonOptions {
  readonly lab: Lab
  readonly argv: readonly string[]
  readonly logFile: string
  readonly isReady: () => Promise<boolean>
}

const READY_MS = 120_000
const TAIL_LINES = 15

/** Resolves once it is ready; throws with the end of its log when it ends before, or takes too long. */
export async function startDaemon({ lab, argv, logFile, isReady }: DaemonOptions): Promise<Daemon> {
  const log = openSync(logFile, 'a')
  const child = lab.spawn(PLACE, argv, { stdio: ['ignore', log, log] })
  closeSync(log)
  const ended = once(child, 'exit')
  for (const deadline = Date.now() + READY_MS; !(await isReady().catch(() => false)); await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES)
      throw new Error(`${argv[0]} is not ready:\n${tail.join('\n')}`)
    }
  }
  return {
    pid: child.pid!,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}

/** Runs a command in the same place; throws unless it succeeds. */
export async function runThere(lab: Lab, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const { code, stderr } = await lab.exec(PLACE, argv, { env, timeout: READY_MS })
  if (code !== 0) throw new Error(`${argv.join(' ')} failed with code ${code}: ${stderr.trim()}`)
}
