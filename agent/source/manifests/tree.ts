// SPDX-License-Identifier: Apache-2.0
/** The watched files: what changed on disk goes into the assembly, and nothing else is read again. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf, type Problem } from '../source.ts'
import type { Assembly } from './assembly.ts'
import { type Hint, watchFolders } from './folder.ts'
import { identifyDirectory, type Scan, type Stamp, scanPaths, stampFile } from './scan.ts'

export interface Tree {
  /** Reads everything that changed since the last time. */
  readonly readAll: () => void
  /** Looks at these paths only, as long as they tell the whole story. */
  readonly read: (paths: ReadonlySet<string>) => void
  readonly problems: () => readonly Problem[]
  readonly close: () => void
}

/** Of a file that could not be read: unlike any other, so that it is tried again. */
const UNREAD: Stamp = 'unread'

export function watchTree(paths: readonly string[], assembly: Assembly, onHint: (hint: Hint) => void): Tree {
  const watch = watchFolders(paths, onHint)
  const stamps = new Map<string, Stamp>()
  let scan: Scan = { files: new Map(), directories: new Map(), failed: new Map() }

  function look(file: string, stamp: Stamp | undefined): void {
    if (stamps.get(file) === stamp) return
    if (stamp !== undefined) stamps.set(file, readFile(file, assembly) ? stamp : UNREAD)
    else {
      stamps.delete(file)
      assembly.removeFile(file)
    }
  }

  function readAll(): void {
    scan = scanPaths(paths)
    if (watch.follow(scan.directories)) scan = scanPaths(paths) // What changed before the watch was there.
    for (const [file, stamp] of scan.files) look(file, stamp)
    const lost = [...scan.failed.keys()]
    const kept = (file: string) => lost.some(path => file === path || file.startsWith(`${path}/`))
    for (const file of [...stamps.keys()]) if (!scan.files.has(file) && !kept(file)) look(file, undefined)
  }

  /** A directory came, went or was exchanged: single files no longer tell the story. */
  function isMoved(path: string): boolean {
    const directory = dirname(path)
    return identifyDirectory(path) !== scan.directories.get(path) || !sameDirectory(directory)
  }

  function sameDirectory(directory: string): boolean {
    return identifyDirectory(directory) === scan.directories.get(directory)
  }

  return {
    readAll,
    read(changed) {
      if ([...changed].some(isMoved)) return readAll()
      for (const path of changed) look(path, stampFile(path))
    },
    problems: () => [...lostProblems(scan.failed), ...unwatchedProblems(watch.failed)],
    close: watch.close,
  }
}

function readFile(file: string, assembly: Assembly): boolean {
  try {
    assembly.putFile(file, readFileSync(file))
    return true
  } catch (error) {
    // A file that is gone by now is seen to be gone at the next look.
    if (codeOf(error) === '') throw error
    if (codeOf(error) !== 'ENOENT') assembly.putUnreadable(file, codeOf(error))
    return false
  }
}

function lostProblems(failed: ReadonlyMap<string, string>): readonly Problem[] {
  return [...failed].map(([where, reason]) => {
    const message = `can't be read (${reason}): put it back or make it readable; until then all in it counts as it was`
    return { severity: 'error', where, message, unread: true }
  })
}

function unwatchedProblems(failed: ReadonlyMap<string, string>): readonly Problem[] {
  return [...failed].map(([where, reason]) => {
    const full = reason === 'ENOSPC' || reason === 'EMFILE'
    const advice = full ? ': raise the sysctls fs.inotify.max_user_watches and max_user_instances' : ''
    return { severity: 'warning', where, message: `can't be watched (${reason}), so changes are seen late${advice}` }
  })
}
