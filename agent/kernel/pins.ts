// SPDX-License-Identifier: Apache-2.0
/** The folder of bpffs where maps and links outlive the agent. Its path carries the layout version: another version has other maps. */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { bridge } from './bridge.ts'
import { type MapShape, refuseDifferentMap } from './compare.ts'
import { attempt, check } from './errno.ts'
import { Layout } from './layout.gen.ts'
import { MismatchError } from './mismatch.ts'

/** BPF_FS_MAGIC of <linux/magic.h>. */
const BPFFS = 0xcafe4a11

export const DEFAULT_BPFFS = '/sys/fs/bpf'

export interface PinFolder {
  /** evenkeel/vN below bpffs, N the version of the layout: maps, under their names. */
  readonly path: string
  /** The folder "links" in it. */
  readonly links: string
}

/** The names only. `root` is bpffs or a folder in it. */
export function pinFolder(root = DEFAULT_BPFFS): PinFolder {
  return folderAt(join(root, HOME, `v${Layout.VERSION}`))
}

const HOME = 'evenkeel'

function folderAt(path: string): PinFolder {
  return { path, links: join(path, 'links') }
}

/**
 * Folders of other versions, and what a migration that ended early had put aside: see migration.ts. Most often there are none. Throws
 * KernelError.
 */
export function otherPinFolders(root = DEFAULT_BPFFS): PinFolder[] {
  const home = join(root, HOME)
  const own = pinFolder(root).path
  const all = existsSync(home) ? attempt('read folder', home, () => readdirSync(home)) : []
  const names = all.filter(name => /^v\d+(_was\d+)?$/.test(name))
  return names.map(name => folderAt(join(home, name))).filter(({ path }) => path !== own)
}

/** This version's folder and all others. */
export function allPinFolders(root = DEFAULT_BPFFS): PinFolder[] {
  return [pinFolder(root), ...otherPinFolders(root)]
}

/** For a message about maps that are not there; empty when there are none of another version either. */
export function otherVersions(root: string): string {
  const paths = otherPinFolders(root).map(({ path }) => path)
  if (paths.length === 0) return ''
  return `Those in ${paths.join(', ')} are of another version: use its evenkeel, or start this one's agent, which takes them over`
}

/** Makes the folders that are missing. Throws MismatchError when they would not lie on a bpffs, and KernelError. */
export function makePinFolder(folder: PinFolder): void {
  let existing = folder.links
  while (!existsSync(existing)) existing = dirname(existing)
  if (statfsSync(existing).type !== BPFFS)
    throw new MismatchError(
      `maps can't be kept in ${folder.path}`,
      folder.path.startsWith(`${DEFAULT_BPFFS}/`)
        ? `${existing} is not on a bpffs: run mount -t bpf bpf ${DEFAULT_BPFFS}`
        : `${existing} is not on a bpffs: name a folder of one as bpffs, most often ${DEFAULT_BPFFS}`,
    )
  attempt('make folder', folder.links, () => mkdirSync(folder.links, { recursive: true, mode: 0o700 }))
}

/** Unpins all maps and links: what nobody else holds goes away, and links are detached. Filters of clsact stay: see attach.ts. */
export function removePinFolder(folder: PinFolder): void {
  rmSync(folder.path, { recursive: true, force: true })
  const home = dirname(folder.path)
  if (existsSync(home) && readdirSync(home).length === 0) rmdirSync(home)
}

/**
 * A new descriptor of a pinned map, or undefined when it is not pinned. Throws MismatchError when the map is not what this version of
 * the agent writes: the message names the map, the field and what to do.
 */
export function openPinnedMap(folder: PinFolder, layout: MapShape): number | undefined {
  const path = join(folder.path, layout.name)
  const fd = bridge.openPinned(path)
  if (fd === -constants.errno.ENOENT) return undefined
  check(
    fd,
    'open',
    path,
    fd === -constants.errno.EPERM || fd === -constants.errno.EACCES ? 'This takes root' : undefined,
  )
  try {
    refuseDifferentMap(fd, path, layout)
  } catch (error) {
    bridge.close(fd)
    throw error
  }
  return fd
}

/** Pins a map under its name. Throws KernelError. */
export function pinMap(folder: PinFolder, name: string, fd: number): void {
  const path = join(folder.path, name)
  check(bridge.pin(fd, path), 'pin map', path)
}
