// SPDX-License-Identifier: Apache-2.0
/** Which manifest files there are under some paths, and in which state. */
import { type BigIntStats, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { codeOf } from '../source.ts'

/** Differs when the file may hold something else. */
export type Stamp = string

export interface Scan {
  /** In the order of the paths, then by name. */
  readonly files: ReadonlyMap<string, Stamp>
  /** Directories by path, with what tells one from its successor of the same name. */
  readonly directories: ReadonlyMap<string, string>
  /** Paths that can't be looked into, and why. */
  readonly failed: ReadonlyMap<string, string>
}

interface Building extends Scan {
  readonly files: Map<string, Stamp>
  readonly directories: Map<string, string>
  readonly failed: Map<string, string>
}

const MANIFEST = /\.(ya?ml|json)$/i

function isManifestName(name: string): boolean {
  return MANIFEST.test(name) && !name.startsWith('.')
}

/** Folders are searched to any depth, without hidden names; a file that is named itself may be called anything. */
export function scanPaths(paths: readonly string[]): Scan {
  const scan: Building = { files: new Map(), directories: new Map(), failed: new Map() }
  for (const path of paths) {
    const stats = statOf(path, scan)
    if (stats?.isDirectory()) scanDirectory(path, stats, scan, new Set())
    else if (stats) scan.files.set(path, stampOf(stats))
    else if (!scan.failed.has(path)) scan.failed.set(path, 'it does not exist')
  }
  return scan
}

/** The stamp of one file; undefined when there is no such manifest. */
export function stampFile(path: string): Stamp | undefined {
  const stats = isManifestName(basename(path)) ? tryStat(path) : undefined
  return stats?.isFile() ? stampOf(stats) : undefined
}

/** What tells a directory from its successor of the same name; undefined when the path is none. */
export function identifyDirectory(path: string): string | undefined {
  const stats = tryStat(path)
  return stats?.isDirectory() ? identityOf(stats) : undefined
}

function tryStat(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined // A whole scan says why.
  }
}

/** Inode numbers are used again at once, birth times are not. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

/** `above`: the directories around it, so that a symbolic link to one of them ends. */
function scanDirectory(path: string, stats: BigIntStats, scan: Building, above: ReadonlySet<string>): void {
  const inode = `${stats.dev}:${stats.ino}`
  if (above.has(inode)) return
  scan.directories.set(path, identityOf(stats))
  const around = new Set([...above, inode])
  for (const name of namesIn(path, scan)) {
    const inside = join(path, name)
    const stats = statOf(inside, scan)
    if (stats?.isDirectory()) scanDirectory(inside, stats, scan, around)
    else if (stats?.isFile() && isManifestName(name)) scan.files.set(inside, stampOf(stats))
  }
}

function namesIn(path: string, scan: Building): readonly string[] {
  try {
    return readdirSync(path)
      .filter(name => !name.startsWith('.'))
      .sort()
  } catch (error) {
    scan.failed.set(path, codeOf(error))
    return []
  }
}

function statOf(path: string, scan: Building): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    scan.failed.set(path, codeOf(error))
    return undefined
  }
}
