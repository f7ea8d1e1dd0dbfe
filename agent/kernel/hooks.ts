// SPDX-License-Identifier: Apache-2.0
/** Programs on a cgroup, as pinned links beside those of others. They see every process of the cgroup and below. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { bridge } from './bridge.ts'
import { check, checkValue } from './errno.ts'
import type { PinFolder } from './pins.ts'

/** enum bpf_attach_type of <linux/bpf.h>, by the names of our programs. */
export const HOOKS = {
  sock_connect4: 10,
  sock_connect6: 11,
  sock_bound4: 12,
  sock_bound6: 13,
  sock_sendmsg4: 14,
  sock_sendmsg6: 15,
  sock_recvmsg4: 19,
  sock_recvmsg6: 20,
  sock_peername4: 29,
  sock_peername6: 30,
  sock_release: 34,
} as const

export type HookName = keyof typeof HOOKS

export interface AttachedHook {
  readonly name: HookName
  readonly programId: number
  /** Inode number of the cgroup's folder; 0 when the cgroup is gone. */
  readonly cgroupId: bigint
}

const NAMES = Object.keys(HOOKS) as HookName[]

function linkPath(folder: PinFolder, name: HookName): string {
  return join(folder.links, name)
}

/** Attaches a program, or puts it in the place of the one that is there, atomically. Throws KernelError. */
export function attachHook(folder: PinFolder, name: HookName, programFd: number, cgroup: string): void {
  const pinned = openLink(folder, name)
  if (pinned !== undefined && pinned.info.cgroupId === statSync(cgroup, { bigint: true }).ino) {
    try {
      check(bridge.linkUpdate(pinned.fd, programFd), 'update link', linkPath(folder, name))
    } finally {
      bridge.close(pinned.fd)
    }
    return
  }
  if (pinned !== undefined) bridge.close(pinned.fd)
  attachNew(folder, name, programFd, cgroup)
}

const { EPERM } = constants.errno
const EXCLUSIVE =
  'A program of somebody else may be there, or above, without BPF_F_ALLOW_MULTI: bpftool cgroup tree lists them'

/** What is at another cgroup goes when this one has its own. */
function attachNew(folder: PinFolder, name: HookName, programFd: number, cgroup: string): void {
  const link = attachLink(name, programFd, cgroup)
  try {
    detachHook(folder, name)
    check(bridge.pin(link, linkPath(folder, name)), 'pin link', linkPath(folder, name))
  } finally {
    bridge.close(link)
  }
}

function attachLink(name: HookName, programFd: number, cgroup: string): number {
  const cgroupFd = check(bridge.openFolder(cgroup), 'open cgroup', cgroup)
  try {
    const attached = bridge.attachCgroup(programFd, cgroupFd, HOOKS[name])
    return check(attached, `attach ${name} to cgroup`, cgroup, attached === -EPERM ? EXCLUSIVE : undefined)
  } finally {
    bridge.close(cgroupFd)
  }
}

function openLink(folder: PinFolder, name: HookName) {
  const path = linkPath(folder, name)
  const fd = bridge.openPinned(path)
  if (fd === -constants.errno.ENOENT) return undefined
  check(fd, 'open link', path)
  return { fd, info: checkValue(bridge.linkInfo(fd), 'ask about link', path) }
}

/** Whether it was there. */
function detachHook(folder: PinFolder, name: HookName): boolean {
  const link = openLink(folder, name)
  if (link === undefined) return false
  try {
    check(bridge.linkDetach(link.fd), 'detach link', linkPath(folder, name))
    rmSync(linkPath(folder, name))
    return true
  } finally {
    bridge.close(link.fd)
  }
}

export function detachHooks(folder: PinFolder): void {
  for (const name of NAMES) detachHook(folder, name)
}

/** Our hooks that are attached, in the order of HOOKS. */
export function listHooks(folder: PinFolder): AttachedHook[] {
  return NAMES.flatMap(name => {
    const link = openLink(folder, name)
    if (link === undefined) return []
    bridge.close(link.fd)
    return [{ name, programId: link.info.programId, cgroupId: link.info.cgroupId }]
  })
}

/** The folder of a cgroup by its id, looked for from the root down. */
export function cgroupPath(root: string, id: bigint): string | undefined {
  if (statSync(root, { bigint: true, throwIfNoEntry: false })?.ino === id) return root
  for (const child of childrenOf(root)) {
    const found = cgroupPath(child, id)
    if (found !== undefined) return found
  }
  return undefined
}

/** Cgroups come and go while we look. */
function childrenOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter(entry => entry.isDirectory()).map(entry => join(folder, entry.name))
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
