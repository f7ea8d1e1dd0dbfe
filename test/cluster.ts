// SPDX-License-Identifier: Apache-2.0
/** What tests of every cluster in a lab do: change its objects, look into its maps, read what its agents say. */
import { readFileSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { withDataplane } from '../agent/cli/bpffs.ts'
import type { Dataplane } from '../agent/reconcile/dataplane.ts'
import type { Lab } from '../lab/lab.ts'

export type Manifest = Readonly<Record<string, unknown>>

/** Several objects in one file. */
export function manifestText(manifests: readonly Manifest[]): string {
  return manifests.map(manifest => stringify(manifest)).join('---\n')
}

/** Texts of files NAME.yaml, as labs take them. */
export function manifestFiles(files: Readonly<Record<string, readonly Manifest[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, all]) => [`${name}.yaml`, manifestText(all)]))
}

/** Exchanges a file's content in one step: nobody reads half of it. */
export async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content)
  await rename(`${file}.new`, file)
}

/** Takes a file away; what it gives puts it back. */
export async function takeAway(file: string): Promise<() => Promise<void>> {
  const content = await readFile(file, 'utf8')
  await rm(file)
  return () => replace(file, content)
}

export interface KubernetesObject extends Manifest {
  readonly metadata: object
  readonly status?: object
}

/** Exchanges the object in a file for what is made of it. */
export async function changeObject(file: string, change: (object: KubernetesObject) => object): Promise<void> {
  await replace(file, stringify(change(parse(await readFile(file, 'utf8')))))
}

/** Writes manifests into NAME.yaml. */
export async function put({ manifests: folder }: Lab, name: string, ...manifests: readonly Manifest[]): Promise<void> {
  await replace(join(folder, `${name}.yaml`), manifestText(manifests))
}

export async function remove({ manifests: folder }: Lab, name: string): Promise<void> {
  await rm(join(folder, `${name}.yaml`))
}

/** Looks into a node's maps. */
export function look<T>(lab: Lab, node: string, what: (dataplane: Dataplane) => T): T {
  return withDataplane(lab.bpffs(node), what)
}

/** Of pino. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  /** Of "applied": to the maps. */
  readonly writes?: number
  readonly services?: number
}

/** What a node's agent said, from its first start on; what is not JSON is Node's own. */
export function logOf(lab: Lab, node: string): LogLine[] {
  const lines = readFileSync(lab.agentLog(node), 'utf8').split('\n')
  return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line))
}
