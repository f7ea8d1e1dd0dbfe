// SPDX-License-Identifier: Apache-2.0
/** A network namespace of a test file's own, so that programs can be run against routes of its choice. */
import { spawnSync } from 'node:child_process'

const MARK = 'EK_TEST_OWN_NETWORK'

/** Runs the file once more inside a new namespace; true in there. */
export function inOwnNetwork(file: string): boolean {
  if (process.env[MARK] !== undefined) return true
  const env = { ...process.env, [MARK]: '1' }
  const { status } = spawnSync('unshare', ['--net', process.execPath, file, ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
  return false
}

export function run(...command: readonly string[]): void {
  const [name = '', ...args] = command
  const { status, stderr } = spawnSync(name, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
}
