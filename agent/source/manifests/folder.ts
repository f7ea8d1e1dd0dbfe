// SPDX-License-Identifier: Apache-2.0
/** Watches folders with inotify. What it tells is a hint to look again, never the truth: that is what scan.ts finds. */
import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '../source.ts'

/** The link that is exchanged when a mounted ConfigMap changes. Other hidden names are editors' own. */
const CONFIG_MAP_DATA = '..data'

/** One path to look at, or undefined: look at everything. */
export type Hint = string | undefined

export interface FolderWatch {
  /** Watches exactly these directories (path to identity, as Scan has them). True when one was not watched before. */
  readonly follow: (directories: ReadonlyMap<string, string>) => boolean
  /** Directories that can't be watched, and why. */
  readonly failed: ReadonlyMap<string, string>
  readonly close: () => void
}

interface Watched {
  readonly identity: string
  readonly watcher: FSWatcher
}

/** `paths`: the roots, whose parents are watched too, for a root that is replaced. */
export function watchFolders(paths: readonly string[], onHint: (hint: Hint) => void): FolderWatch {
  const watched = new Map<string, Watched>()
  const failed = new Map<string, string>()
  const parents = paths.flatMap(path => watchParent(path, onHint))

  function drop(directory: string): void {
    watched.get(directory)?.watcher.close()
    watched.delete(directory)
  }

  function add(directory: string, identity: string): void {
    try {
      const watcher = watch(directory, (_, name) => {
        // Named like itself: it was moved or removed (IN_MOVE_SELF, IN_DELETE_SELF). Its successor may look the same, inode
        // number and all, where the file system knows no birth times (tmpfs before 6.7), so this watch must not count for it.
        const itself = name === basename(directory)
        if (itself) drop(directory)
        if (itself || name === null || name === CONFIG_MAP_DATA) onHint(undefined)
        else if (!name.startsWith('.')) onHint(join(directory, name))
      })
      watcher.on('error', () => {
        drop(directory)
        onHint(undefined)
      })
      watched.set(directory, { identity, watcher })
      failed.delete(directory)
    } catch (error) {
      failed.set(directory, codeOf(error))
    }
  }

  return {
    failed,
    follow(directories) {
      for (const path of watched.keys()) if (watched.get(path)?.identity !== directories.get(path)) drop(path)
      for (const path of failed.keys()) if (!directories.has(path)) failed.delete(path)
      const fresh = [...directories].filter(([path]) => !watched.has(path))
      for (const [path, identity] of fresh) add(path, identity)
      return fresh.some(([path]) => watched.has(path))
    },
    close() {
      for (const path of [...watched.keys()]) drop(path)
      for (const parent of parents) parent.close()
    },
  }
}

function watchParent(path: string, onHint: (hint: Hint) => void): readonly FSWatcher[] {
  const whole = resolve(path)
  if (whole === dirname(whole)) return []
  try {
    const watcher = watch(dirname(whole), (_, name) => {
      if (name === null || name === basename(whole)) onHint(undefined)
    })
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return [] // Reading it again now and then has to do.
  }
}
