// SPDX-License-Identifier: Apache-2.0
/** What tests of `evenkeel migrate` do in a network namespace of their own: tables loaded, compared, the command run. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROJECT_FOLDER } from '../../lab/names.ts'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const SAVED = mkdtempSync(join(tmpdir(), 'ek-migrate-'))
process.on('exit', () => rmSync(SAVED, { recursive: true, force: true }))

/** A folder of bpffs in which no agent ever was. */
const BPFFS = '/sys/fs/bpf/ek-test-nobody'

export function migrate(...argv: readonly string[]): Outcome {
  const options = ['--bpffs', BPFFS, '--save-to', SAVED]
  const command = [join(PROJECT_FOLDER, 'agent/cli/main.ts'), 'migrate', ...argv, ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

export function tool(argv: readonly string[], input = ''): string {
  const [name = '', ...args] = argv
  return execFileSync(name, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
}

/** What iptables-save prints, without counters, times and the order of chains. */
export function rulesOf(save: string): string[] {
  const lines = tool([save]).split('\n')
  const table = new Map<string, string[]>()
  let name = ''
  for (const line of lines) {
    if (line.startsWith('*')) name = line
    else if (/^[:-]/.test(line)) table.set(name, [...(table.get(name) ?? []), line.replace(/ \[\d+:\d+\]$/, '')])
  }
  const chains = (all: string[]) => all.filter(line => line.startsWith(':')).toSorted()
  const rules = (all: string[]) => all.filter(line => line.startsWith('-'))
  return [...table].toSorted().flatMap(([name, all]) => [name, ...chains(all), ...rules(all)])
}
