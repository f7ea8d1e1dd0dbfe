// SPDX-License-Identifier: Apache-2.0
/** A file of Services without endpoints, for tests that begin at objects. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ManifestFile {
  readonly path: string
  readonly remove: () => void
}

export function manifestFile(names: readonly string[]): ManifestFile {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
  const path = join(folder, 'services.json')
  const services = names.map((name, i) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { clusterIP: `10.96.0.${10 + i}`, ports: [{ port: 80 }] },
    }),
  )
  writeFileSync(path, services.join('\n---\n'))
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
