// SPDX-License-Identifier: Apache-2.0
/**
 * tc programs on devices. tcx links (kernel 6.6+) are pinned, so that they outlive the agent and are changed atomically; older
 * kernels get a filter on clsact, which the kernel keeps by itself. Nothing of others is touched.
 */
import { rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { bridge } from './bridge.ts'
import { listDevices } from './devices.ts'
import { check, checkValue } from './errno.ts'
import { type Direction, type Filter, listFilters } from './filters.ts'
import { changeProgram, detachLink, linkNames, pinLink, removeStale, withPinnedLink } from './links.ts'
import type { PinFolder } from './pins.ts'

export type { Direction } from './filters.ts'

export interface Attachment {
  readonly kind: 'tcx' | 'clsact'
  readonly ifindex: number
  readonly direction: Direction
  readonly programId: number
}

export interface AttachRequest {
  readonly folder: PinFolder
  readonly programFd: number
  readonly ifindex: number
  readonly direction: Direction
  /** Default: tcx where the kernel has it. */
  readonly kind?: Attachment['kind']
}

export type Change = 'attached' | 'updated' | 'kept'

/**
 * The place of our filters on clsact: by these two, and only by these, we know what is ours. Lower priorities are asked first; our
 * programs pass on what is not for a Service (TC_ACT_UNSPEC), so whoever comes behind still sees it.
 */
export const PRIORITY = 0xec5
export const HANDLE = 0xec5

const { EINVAL, ENOENT } = constants.errno
/** BPF_TCX_INGRESS, BPF_TCX_EGRESS */
const TCX: Readonly<Record<Direction, number>> = { ingress: 46, egress: 47 }

/** Attaches a program, or puts it in the place of the one that is there; the same program again writes nothing. Throws KernelError. */
export function attachTc(request: AttachRequest): Change {
  if (request.kind === 'clsact') return attachFilter(request)
  return attachTcx(request) ?? attachFilter(request)
}

/** undefined when the kernel has no tcx links and it was not asked for alone. */
function attachTcx(request: AttachRequest): Change | undefined {
  const path = linkPath(request.folder, request.ifindex, request.direction)
  const change = withPinnedLink(path, (link, info): Change | 'stale' => {
    // The device is gone, and its index was perhaps given to another one since.
    if (info.ifindex !== request.ifindex) return 'stale'
    return changeProgram(link, info, request.programFd, path) ? 'updated' : 'kept'
  })
  if (change === 'stale') rmSync(path)
  return change === undefined || change === 'stale' ? attachNew(request, path) : change
}

function attachNew({ programFd, ifindex, direction, kind }: AttachRequest, path: string): Change | undefined {
  const link = bridge.attachTcx(programFd, ifindex, TCX[direction])
  if (link === -EINVAL && kind === undefined) return undefined
  pinLink(check(link, `attach tcx ${direction} to device`, String(ifindex)), path)
  return 'attached'
}

function attachFilter({ programFd, ifindex, direction }: AttachRequest): Change {
  const program = checkValue(bridge.programInfo(programFd), 'ask about program', String(programFd))
  const ours = ourFilter(ifindex, direction)
  if (ours?.programId === program.id) return 'kept'
  const result = bridge.attachClsact(programFd, ifindex, direction === 'egress', PRIORITY, HANDLE)
  check(result, `attach a clsact ${direction} filter to device`, String(ifindex))
  return ours === undefined ? 'attached' : 'updated'
}

function ourFilter(ifindex: number, direction: Direction): Filter | undefined {
  return listFilters(ifindex, direction).find(({ priority, handle }) => priority === PRIORITY && handle === HANDLE)
}

/** Takes our program off a device, whichever way it was attached. Whether there was one. Throws KernelError. */
export function detachTc(folder: PinFolder, ifindex: number, direction: Direction): boolean {
  const link = detachLink(linkPath(folder, ifindex, direction))
  if (ourFilter(ifindex, direction) === undefined) return link
  const result = bridge.detachClsact(ifindex, direction === 'egress', PRIORITY, HANDLE)
  if (result !== -ENOENT) check(result, `remove our clsact ${direction} filter from device`, String(ifindex))
  return true
}

/** All that is ours in this network namespace: pinned links (ifindex 0 when the device is gone) and filters. Throws KernelError. */
export function listAttachments(folder: PinFolder): Attachment[] {
  const directions: readonly Direction[] = ['ingress', 'egress']
  const filters = listDevices().flatMap(({ ifindex }) => directions.map(direction => ourFilter(ifindex, direction)))
  const ours = filters.filter(filter => filter !== undefined)
  const clsact = ours.map(({ ifindex, direction, programId }) => ({
    kind: 'clsact' as const,
    ifindex,
    direction,
    programId,
  }))
  return [...listLinks(folder), ...clsact]
}

const LINK_NAME = /^tc_(ingress|egress)_(\d+)$/

function listLinks(folder: PinFolder): Attachment[] {
  return linkNames(folder, LINK_NAME).flatMap(name => {
    const direction = LINK_NAME.exec(name)?.[1] as Direction
    const path = join(folder.links, name)
    return (
      withPinnedLink(path, (_, { ifindex, programId }) => ({ kind: 'tcx' as const, ifindex, direction, programId })) ??
      []
    )
  })
}

/** Removes pinned links whose device is gone. Returns how many. Throws KernelError. */
export function removeStaleLinks(folder: PinFolder): number {
  return removeStale(folder, LINK_NAME)
}

/** A name of a bpffs may have no dot, as device names may: so it has the index. */
function linkPath(folder: PinFolder, ifindex: number, direction: Direction): string {
  return join(folder.links, `tc_${direction}_${ifindex}`)
}
