// SPDX-License-Identifier: Apache-2.0
/** XDP programs on devices, as pinned links (kernel 5.9). A device has one program: somebody else's is never taken off. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bridge } from './bridge.ts'
import { check } from './errno.ts'
import { changeProgram, detachLink, linkNames, pinLink, removeStale, withPinnedLink } from './links.ts'
import type { PinFolder } from './pins.ts'

/** In the driver, or in the stack for any device: slower than tc, and for tests. */
export type XdpMode = 'native' | 'generic'

export interface XdpAttachment {
  readonly mode: XdpMode
  readonly ifindex: number
  readonly programId: number
}

export interface XdpRequest {
  readonly folder: PinFolder
  readonly programFd: number
  readonly ifindex: number
  readonly mode: XdpMode
}

/** XDP_FLAGS_* of <linux/if_link.h>. */
const FLAGS: Readonly<Record<XdpMode, number>> = { generic: 2, native: 4 }
const MODES = Object.keys(FLAGS) as XdpMode[]
const LINK_NAME = /^xdp_(native|generic)_(\d+)$/

/**
 * Attaches a program, or puts it in the place of ours that is there. Throws KernelError: EBUSY or EEXIST when the device has somebody
 * else's program, and whatever the driver says.
 */
export function attachXdp({ folder, programFd, ifindex, mode }: XdpRequest): void {
  for (const other of MODES) if (other !== mode) detachLink(linkPath(folder, other, ifindex))
  const path = linkPath(folder, mode, ifindex)
  const there = withPinnedLink(path, (link, info) => {
    // Else the device is gone, and its index was perhaps given to another one since.
    if (info.ifindex !== ifindex) return false
    changeProgram(link, info, programFd, path)
    return true
  })
  if (there) return
  if (there === false) rmSync(path)
  const link = bridge.attachXdp(programFd, ifindex, FLAGS[mode])
  pinLink(check(link, `attach ${mode} XDP to device`, String(ifindex)), path)
}

/** Takes our program off a device. Whether there was one. Throws KernelError. */
function detachXdp(folder: PinFolder, ifindex: number): boolean {
  return MODES.filter(mode => detachLink(linkPath(folder, mode, ifindex))).length > 0
}

/** Takes our programs off all devices but these. Throws KernelError. */
export function detachOtherXdp(folder: PinFolder, keep: ReadonlySet<number>): void {
  removeStale(folder, LINK_NAME)
  for (const { ifindex } of listXdp(folder)) if (!keep.has(ifindex)) detachXdp(folder, ifindex)
}

/** Ours; ifindex 0 when the device is gone. Throws KernelError. */
export function listXdp(folder: PinFolder): XdpAttachment[] {
  return linkNames(folder, LINK_NAME).flatMap(name => {
    const mode = LINK_NAME.exec(name)?.[1] as XdpMode
    const path = join(folder.links, name)
    return withPinnedLink(path, (_, { ifindex, programId }) => ({ mode, ifindex, programId })) ?? []
  })
}

function linkPath(folder: PinFolder, mode: XdpMode, ifindex: number): string {
  return join(folder.links, `xdp_${mode}_${ifindex}`)
}
