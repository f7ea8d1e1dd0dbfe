// SPDX-License-Identifier: Apache-2.0
/** The tools that rules are read and written with. They bring their own modules and formats: the kernel has no other stable way. */
import { spawnSync } from 'node:child_process'

/** Something that was found can't be read, removed or put back; the message says what to do. */
export class MigrateError extends Error {
  override readonly name = 'MigrateError'
}

/** The largest cluster's rules are tens of megabytes. */
const MAX_OUTPUT = 1 << 30

/** What it prints. Throws MigrateError when it fails or is not there. */
export function runTool(argv: readonly string[], input?: string): string {
  const [name = '', ...args] = argv
  const options = { encoding: 'utf8', maxBuffer: MAX_OUTPUT, ...(input !== undefined && { input }) } as const
  const { error, status, stderr, stdout } = spawnSync(name, args, options)
  if (error && 'code' in error && error.code === 'ENOENT')
    throw new MigrateError(`${name} is missing: install it (Debian: ${PACKAGES[name] ?? name}), or use the image's`)
  if (error) throw new MigrateError(`${argv.join(' ')}: ${error.message}`)
  if (status !== 0) throw new MigrateError(`${argv.join(' ')}: ${stderr.trim() || `exit code ${status}`}`)
  return stdout
}

const PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables', ip: 'iproute2' }

/** Whether it can be started at all. */
export function hasTool(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined
}
