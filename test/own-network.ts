// SPDX-License-Identifier: Apache-2.0
/** A network namespace of a test file's own, which goes when its process does, and commands that are run there. */
import { execFileSync, spawnSync } from 'node:child_process'

const MARK = 'EK_TEST_OWN_NETWORK'

/** Runs the file once more inside a new namespace; true in there. Outside, the caller must do nothing more. */
export function inOwnNetwork(file: string): boolean {
  if (process.env[MARK] !== undefined) return true
  const argv = ['--net', process.execPath, ...process.execArgv, file, ...process.argv.slice(2)]
  const { status } = spawnSync('unshare', argv, { env: { ...process.env, [MARK]: '1' }, stdio: 'inherit' })
  process.exitCode = status ?? 1
  return false
}

/** Runs a command that must succeed, without the sanitizer that may be preloaded into this process; gives what it prints. */
export function run(command: string, ...args: readonly string[]): string {
  const { LD_PRELOAD: _, ...env } = process.env
  return execFileSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] })
}

export function ip(...args: readonly string[]): string {
  return run('ip', ...args)
}
