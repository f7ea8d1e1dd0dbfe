// SPDX-License-Identifier: Apache-2.0
/** Tells when a configuration file says something else than it did. */
import { unwatchFile, watchFile } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { ConfigError } from './errors.ts'
import { merge } from './merge.ts'
import { givenPaths, valueAt } from './paths.ts'
import type { Reading } from './read.ts'
import type { Config } from './schema.ts'

export interface ConfigWatch {
  stop(): void
}

export interface ConfigWatchOptions {
  /** undefined: there is none to follow. */
  readonly file: string | undefined
  /** What it said. */
  readonly config: Config
  readonly read: () => Reading
  /** Called once, with the fields that differ. */
  readonly onChange: (fields: readonly string[]) => void
  readonly log: Logger
}

/** Asked with stat, which follows links: Kubernetes exchanges a folder that a link leads through when a ConfigMap changes. */
const INTERVAL_MS = 1_000
/** A file is read when nobody has written for so long. */
const QUIET_MS = 1_000

/** A file that is gone, or not valid any more, is told once, and counts as unchanged. */
export function watchConfiguration({ file, config, read, onChange, log }: ConfigWatchOptions): ConfigWatch {
  if (file === undefined) return { stop: () => undefined }
  let told = ''
  function check(): void {
    const { fields, problem } = changes(config, read)
    if (problem !== '' && problem !== told) log.error(`${problem}\nThe agent goes on with what it said before`)
    told = problem
    if (fields.length === 0) return
    stop()
    onChange(fields)
  }
  // At once, too: it may have been written between the first reading and this.
  let timer = setTimeout(check, 0)
  const listener = () => {
    clearTimeout(timer)
    timer = setTimeout(check, QUIET_MS)
  }
  watchFile(file, { interval: INTERVAL_MS }, listener)
  function stop(): void {
    clearTimeout(timer)
    unwatchFile(file!, listener)
  }
  return { stop }
}

function changes(config: Config, read: () => Reading): { fields: readonly string[]; problem: string } {
  try {
    return { fields: differences(config, read().config), problem: '' }
  } catch (error) {
    if (error instanceof ConfigError) return { fields: [], problem: error.message }
    throw error
  }
}

function differences(before: Config, after: Config): string[] {
  return givenPaths(merge(before, after)).filter(
    path => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)),
  )
}
