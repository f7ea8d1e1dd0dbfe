// SPDX-License-Identifier: Apache-2.0
/** Manifests read once, for commands that do not stay. */
import { readFileSync } from 'node:fs'
import type { Node, ServiceKey, ServiceView } from '../../objects.ts'
import { codeOf, type Problem, SourceError } from '../source.ts'
import { memoryAllocator } from './allocations.ts'
import { createAssembly } from './assembly.ts'
import { type RangeOptions, readRanges } from './ranges.ts'
import { scanPaths } from './scan.ts'

export interface LoadedManifests {
  readonly services: Map<ServiceKey, ServiceView>
  readonly nodes: Map<string, Node>
  readonly problems: readonly Problem[]
}

const STDIN = 0

/**
 * Reads files and folders ("-": standard input) of YAML or JSON; what Services ask for is allocated in memory.
 * Rejects with a SourceError when a path does not exist or an option is wrong; everything else is a problem in the answer.
 */
export async function loadManifests(paths: readonly string[], options: RangeOptions = {}): Promise<LoadedManifests> {
  const ranges = readRanges(options)
  const assembly = createAssembly(ranges, memoryAllocator(ranges))
  const { files, failed } = scanPaths(paths.filter(path => path !== '-'))
  for (const [path, reason] of failed) {
    if (paths.includes(path)) throw new SourceError(`${path}: ${reason}: name a file or folder of manifests`)
    assembly.putUnreadable(path, reason)
  }
  if (paths.includes('-')) assembly.putFile('stdin', readFileSync(STDIN))
  for (const file of files.keys()) {
    try {
      assembly.putFile(file, readFileSync(file))
    } catch (error) {
      assembly.putUnreadable(file, codeOf(error))
    }
  }
  const changes = await assembly.takeChanges()
  const services = new Map<ServiceKey, ServiceView>()
  for (const [key, view] of changes) if (view) services.set(key, view)
  return { services, nodes: new Map(assembly.nodes), problems: assembly.problems() }
}
