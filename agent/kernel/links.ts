// SPDX-License-Identifier: Apache-2.0
/** Links that are pinned, so that they outlive the agent: what they attach stays where it is. */
import { readdirSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { bridge, type LinkInfo } from './bridge.ts'
import { check, checkValue } from './errno.ts'
import type { PinFolder } from './pins.ts'

const { ENOENT } = constants.errno

/** Calls back with an open descriptor of a pinned link; undefined when there is none. Throws KernelError. */
export function withPinnedLink<T>(path: string, use: (fd: number, info: LinkInfo) => T): T | undefined {
  const fd = bridge.openPinned(path)
  if (fd === -ENOENT) return undefined
  check(fd, 'open link', path)
  try {
    return use(fd, checkValue(bridge.linkInfo(fd), 'ask about link', path))
  } finally {
    bridge.close(fd)
  }
}

/** Pins a new link, and closes its descriptor. Throws KernelError. */
export function pinLink(fd: number, path: string): void {
  try {
    check(bridge.pin(fd, path), 'pin link', path)
  } finally {
    bridge.close(fd)
  }
}

/** Puts a program in the place of a link's, atomically, unless it is the same. Whether it was another one. Throws KernelError. */
export function changeProgram(fd: number, info: LinkInfo, programFd: number, path: string): boolean {
  const program = checkValue(bridge.programInfo(programFd), 'ask about program', String(programFd))
  if (program.id === info.programId) return false
  check(bridge.linkUpdate(fd, programFd), 'update link', path)
  return true
}

/** Takes a link's program off at once. Whether there was one. Throws KernelError. */
export function detachLink(path: string): boolean {
  const found = withPinnedLink(path, fd => {
    // Without this the kernel detaches some time after the last reference is gone.
    check(bridge.linkDetach(fd), 'detach link', path)
    rmSync(path)
    return true
  })
  return found ?? false
}

/** Names of pinned links, as the pattern has them. */
export function linkNames(folder: PinFolder, pattern: RegExp): string[] {
  try {
    return readdirSync(folder.links).filter(name => pattern.test(name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Removes pinned links whose device is gone. Returns how many. Throws KernelError. */
export function removeStale(folder: PinFolder, pattern: RegExp): number {
  const paths = linkNames(folder, pattern).map(name => join(folder.links, name))
  const stale = paths.filter(path => withPinnedLink(path, (_, info) => info.ifindex) === 0)
  for (const path of stale) rmSync(path)
  return stale.length
}
