// SPDX-License-Identifier: Apache-2.0
/** The real command, run to its end. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RenderedFrontend } from '../../agent/cli/rendered.ts'

const EVENKEEL = fileURLToPath(new URL('../../evenkeel', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function evenkeel(args: readonly string[], input = '', environment = {}): Promise<Outcome> {
  const env = { ...process.env, ...environment }
  const child = spawn(EVENKEEL, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.on('error', reject)
  child.on('close', resolve)
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([child.stdout.toArray(), child.stderr.toArray(), promise])
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

export function parseRows({ stdout }: Outcome): readonly RenderedFrontend[] {
  return JSON.parse(stdout) as readonly RenderedFrontend[]
}

/** A folder that is there while `use` runs. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-render-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
