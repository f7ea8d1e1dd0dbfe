// SPDX-License-Identifier: Apache-2.0
/** Labs that must not outlive this process, however it ends (but for SIGKILL: the next `up` finds what that leaves). */
import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { PROJECT_FOLDER } from './names.ts'

/** SIGALRM is what the test runner sends to a test that takes too long. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGALRM'] as const

const guarded = new Set<string>()

export function guard(lab: string): void {
  if (guarded.size === 0) {
    process.on('exit', takeAllDown)
    for (const signal of SIGNALS) process.on(signal, exitFor)
  }
  guarded.add(lab)
}

export function unguard(lab: string): void {
  if (!guarded.delete(lab) || guarded.size > 0) return
  process.off('exit', takeAllDown)
  for (const signal of SIGNALS) process.off(signal, exitFor)
}

function exitFor(signal: NodeJS.Signals): void {
  process.exit(128 + constants.signals[signal])
}

/** At exit nothing asynchronous runs any more: another process does it. */
function takeAllDown(): void {
  for (const lab of guarded) {
    const main = join(PROJECT_FOLDER, 'agent/cli/main.ts')
    spawnSync(process.execPath, [main, 'lab', 'down', '--force', '--name', lab], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
}
