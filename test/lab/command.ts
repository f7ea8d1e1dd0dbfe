// SPDX-License-Identifier: Apache-2.0
/** The `evenkeel` command, run as people run it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { collect, type ExecResult } from '../../lab/command.ts'
import { PROJECT_FOLDER } from '../../lab/names.ts'

export function startEvenkeel(...argv: string[]): ChildProcess {
  return spawn(join(PROJECT_FOLDER, 'evenkeel'), argv)
}

export function evenkeel(...argv: string[]): Promise<ExecResult> {
  return collect(startEvenkeel(...argv), { timeout: 60_000 })
}

/** Runs it with standard input. */
export function evenkeelWithInput(input: string, ...argv: string[]): Promise<ExecResult> {
  return collect(startEvenkeel(...argv), { timeout: 60_000, input })
}
