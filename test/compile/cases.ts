// SPDX-License-Identifier: Apache-2.0
/**
 * Reads test/cases: manifests, then one last document of kind Expect, written from the contract by hand.
 *
 *   kind: Expect
 *   node: node1                            # whose frontends these are
 *   serviceProxyName: evenkeel             # default: none
 *   frontends:                             # all that there are
 *     "10.96.0.10:80/TCP": [10.244.1.1:8080]      # in every scope that is printed
 *     "0.0.0.0:30080/TCP external": drop          # in this one
 *   affinitySeconds: {"10.96.0.10:80/TCP": 30}    # default: not looked at
 *   warnings: ["Service default/web: ..."]        # how each begins; default: none
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type LoadedManifests, loadManifests } from '../../agent/source/manifests/load.ts'

const expectation = z.strictObject({
  kind: z.literal('Expect'),
  node: z.string(),
  serviceProxyName: z.string().default(''),
  frontends: z.record(z.string(), z.union([z.array(z.string()), z.enum(['refuse', 'drop'])])),
  affinitySeconds: z.record(z.string(), z.number()).default({}),
  warnings: z.array(z.string()).default([]),
})

export type Expectation = z.infer<typeof expectation>

export interface Case {
  readonly manifests: LoadedManifests
  readonly expect: Expectation
}

export async function readCase(file: string): Promise<Case> {
  const text = readFileSync(file, 'utf8')
  const last = text.lastIndexOf('---\n')
  return { manifests: await load(text.slice(0, last)), expect: expectation.parse(parse(text.slice(last + 4))) }
}

async function load(text: string): Promise<LoadedManifests> {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-case-'))
  try {
    writeFileSync(join(folder, 'case.yaml'), text)
    return await loadManifests([folder])
  } finally {
    rmSync(folder, { recursive: true })
  }
}
