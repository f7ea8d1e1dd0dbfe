// SPDX-License-Identifier: Apache-2.0
/** The manifests source: folders and files of YAML or JSON, read and watched. */
import { isDeepStrictEqual } from 'node:util'
import type { Node } from '../../objects.ts'
import { codeOf, type Problem, type Source, SourceError, type SourceEvents, type Update } from '../source.ts'
import { type Allocator, fileAllocator, memoryAllocator } from './allocations.ts'
import { type Assembly, createAssembly } from './assembly.ts'
import { createQueue, type Queue } from './queue.ts'
import { type RangeOptions, type Ranges, readRanges } from './ranges.ts'
import { scanPaths } from './scan.ts'
import { type Tree, watchTree } from './tree.ts'

export interface ManifestsOptions extends RangeOptions {
  /** Files and folders. */
  readonly paths: readonly string[]
  /** The own node's name. */
  readonly nodeName: string
  /** Keeps what was allocated, over restarts and between the agents of this machine; without it, memory does. */
  readonly allocationFile?: string | undefined
  /** Quiet time after a change before it is read: editors write in several steps. Default 50. */
  readonly debounceMs?: number | undefined
  /** Everything is looked at again this often, whatever the watches tell. Default 10,000. */
  readonly rescanMs?: number | undefined
}

const TIMES = { debounceMs: 50, rescanMs: 10_000, retryMs: 1_000 } as const

/** Throws a SourceError when a range is wrong. */
export function manifestsSource(options: ManifestsOptions): Source {
  const ranges = readRanges(options)
  const assembly = createAssembly(ranges, allocatorOf(options, ranges))
  let tree: Tree | undefined
  let queue: Queue | undefined
  return {
    async start(events) {
      checkPaths(options.paths)
      const report = createReport(options, assembly, events)
      const opened = watchTree(options.paths, assembly, hint => queue?.add(hint))
      tree = opened
      queue = createQueue(timesOf(options), paths => {
        if (paths === undefined) opened.readAll()
        else opened.read(paths)
        return report(opened.problems())
      })
      opened.readAll()
      if (!(await report(opened.problems()))) queue.add(undefined)
      queue.start()
    },
    async stop() {
      await queue?.stop()
      tree?.close()
    },
  }
}

function allocatorOf({ allocationFile }: ManifestsOptions, ranges: Ranges): Allocator {
  return allocationFile === undefined ? memoryAllocator(ranges) : fileAllocator(allocationFile, ranges)
}

function timesOf({ debounceMs, rescanMs }: ManifestsOptions) {
  return { ...TIMES, debounceMs: debounceMs ?? TIMES.debounceMs, rescanMs: rescanMs ?? TIMES.rescanMs }
}

function checkPaths(paths: readonly string[]): void {
  if (paths.length === 0) throw new SourceError('no paths: name a folder of manifests')
  for (const [path, reason] of scanPaths(paths).failed) {
    if (paths.includes(path)) throw new SourceError(`${path}: ${reason}: name a file or folder of manifests`)
  }
}

/** Tells what changed since the last time. False: allocation failed, to be tried again; nothing was told but the problem. */
type Report = (problems: readonly Problem[]) => Promise<boolean>

function createReport(options: ManifestsOptions, assembly: Assembly, events: SourceEvents): Report {
  let told: { readonly node: Node | null; readonly incomplete: boolean } | undefined
  let problems: readonly Problem[] = []

  function tellUpdate(services: Update['services'], incomplete: boolean): void {
    const node = assembly.nodes.get(options.nodeName) ?? null
    const nodeChanged = told === undefined || !isDeepStrictEqual(node, told.node)
    if (services.size === 0 && !nodeChanged && incomplete === told?.incomplete) return
    told = { node, incomplete }
    events.onUpdate({ services, ...(nodeChanged && { node }), incomplete })
  }

  function tellProblems(now: readonly Problem[]): void {
    if (isDeepStrictEqual(now, problems)) return
    problems = now
    events.onProblems(now)
  }

  return async ofTree => {
    const failure = await settle(options.allocationFile ?? 'allocation', async () => {
      const services = await assembly.takeChanges()
      const unseen = told === undefined || told.incomplete ? ofTree.some(({ severity }) => severity === 'error') : false
      tellUpdate(services, assembly.incomplete() || unseen)
    })
    tellProblems([...ofTree, ...assembly.problems(), ...failure])
    return failure.length === 0
  }
}

/** What the allocation file's failure comes to; errors of our own go on up. */
async function settle(where: string, action: () => Promise<void>): Promise<readonly Problem[]> {
  try {
    await action()
    return []
  } catch (error) {
    if (!(error instanceof SourceError) && codeOf(error) === '') throw error
    const message = error instanceof Error ? error.message.replace(`${where}: `, '') : String(error)
    return [{ severity: 'error', where, message: `${message}. Until then, changes of Services wait`, blocking: true }]
  }
}
