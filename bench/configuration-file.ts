// SPDX-License-Identifier: Apache-2.0
/** A configuration for a lab's agents. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** A file that lives as long as this process. */
export function configurationFile(content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'config.yaml')
  writeFileSync(file, stringify({ serviceCIDRs: ['10.96.0.0/12', 'fd00:96::/112'], ...content }))
  return file
}
