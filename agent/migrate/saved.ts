// SPDX-License-Identifier: Apache-2.0
/** The files that hold what was removed from this node, until it is put back. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Step, stepSchema } from './steps.ts'
import { MigrateError } from './tool.ts'

export const DEFAULT_FOLDER = '/var/lib/evenkeel/migrate'

const VERSION = 1

const schema = z.strictObject({
  version: z.literal(VERSION),
  /** RFC 3339 */
  removedAt: z.string(),
  steps: z.array(stepSchema),
})

export interface Saved {
  readonly file: string
  readonly steps: readonly Step[]
}

const NAME = /^kube-proxy-.*\.json$/

/** Written whole before anything is removed. Its path. Throws MigrateError. */
export function save(folder: string, steps: readonly Step[], now = new Date()): string {
  const removedAt = now.toISOString()
  const file = join(folder, `kube-proxy-${removedAt.replaceAll(':', '')}.json`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.new`, `${JSON.stringify({ version: VERSION, removedAt, steps })}\n`, { flush: true })
    renameSync(`${file}.new`, file)
    return file
  } catch (error) {
    throw new MigrateError(`can't save what would be removed: ${(error as Error).message}. Nothing was removed`)
  }
}

/** The newest first. Throws MigrateError. */
export function savedFiles(folder: string): Saved[] {
  return namesIn(folder)
    .filter(name => NAME.test(name))
    .toSorted()
    .reverse()
    .map(name => readSaved(join(folder, name)))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new MigrateError(`can't read ${folder}: ${(error as Error).message}`)
  }
}

function readSaved(file: string): Saved {
  try {
    return { file, steps: schema.parse(JSON.parse(readFileSync(file, 'utf8'))).steps }
  } catch (error) {
    throw new MigrateError(`${file} is not what migrate has written: ${(error as Error).message}`)
  }
}

/** So that it is not put back a second time. */
export function markRestored({ file }: Saved): void {
  renameSync(file, `${file}.restored`)
}
