// SPDX-License-Identifier: Apache-2.0
/** The agents' account and what it may do: that of deploy/manifest.yaml, and nothing else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { PROJECT_FOLDER } from '../lab/names.ts'
import type { ApiObject } from '../test/kubernetes/objects.ts'

const MANIFEST = join(PROJECT_FOLDER, 'deploy/manifest.yaml')
const objects = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map(document => document.toJS() as ApiObject | null)

function only(wanted: string): ApiObject {
  const found = objects.filter(object => object?.kind === wanted)
  if (found.length !== 1) throw new Error(`${MANIFEST} has ${found.length} objects of kind ${wanted}, not one`)
  return found[0]!
}

export const ACCOUNT = only('ServiceAccount')
export const RIGHTS: readonly ApiObject[] = [only('ClusterRole'), only('ClusterRoleBinding')]
