// SPDX-License-Identifier: Apache-2.0
/** A process of the lab that stays: its output goes to a log, and a file tells when it is ready. */
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Confinement, spawnConfined } from './command.ts'
import { LabError } from './error.ts'
import { type ProcessId, processId } from './process.ts'

export interface DaemonOptions {
  /** For messages: "agent of node1". */
  readonly what: string
  readonly where: Confinement
  readonly argv: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly logFile: string
  readonly readyFile: string
  /** Default true. */
  readonly untilReady?: boolean
  /** Writes it down as soon as it exists, before it is ready. */
  readonly record: (id: ProcessId) => Promise<void>
}

/** A kernel in an emulator takes its time: test-kernel/inside gives more. */
const READY_TIMEOUT_MS = Number(process.env.LAB_READY_SECONDS ?? 60) * 1000
const LOG_TAIL_LINES = 20

/** Starts it and waits until it is ready, unless told not to. One that ends before throws, with the tail of its log. */
export async function startDaemon(options: DaemonOptions): Promise<void> {
  await rm(options.readyFile, { force: true })
  const child = await spawnDetached(options)
  const id = processId(child.pid ?? 0)
  if (id) await options.record(id)
  if (options.untilReady ?? true) await waitUntilReady(options, child)
}

async function spawnDetached({ where, argv, env, logFile }: DaemonOptions): Promise<ChildProcess> {
  const log = await open(logFile, 'a')
  const child = spawnConfined(where, argv, {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    ...(env && { env }),
  })
  child.unref()
  await log.close()
  return child
}

async function waitUntilReady({ what, readyFile, logFile }: DaemonOptions, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new LabError(
        `${what} ended with ${child.signalCode ?? `code ${child.exitCode}`} before it was ready${await tail(logFile)}`,
      )
    if (Date.now() > deadline)
      throw new LabError(`${what} was not ready after ${READY_TIMEOUT_MS / 1000} s${await tail(logFile)}`)
    await sleep(10)
  }
}

async function tail(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n')
  return `\nthe end of ${logFile}:\n${lines.slice(-LOG_TAIL_LINES).join('\n')}`
}
