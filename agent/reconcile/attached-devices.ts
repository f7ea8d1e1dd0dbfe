// SPDX-License-Identifier: Apache-2.0
/** Programs on devices, as devices come and go: one pair where a device leads to a pod, another where it leads to other nodes. */
import { attachTc, detachTc, listAttachments, removeStaleLinks } from '../kernel/attach.ts'
import type { Device } from '../kernel/devices.ts'
import type { PinFolder } from '../kernel/pins.ts'

/** A stranger is behind a device like a pod's, but is none. */
export type Role = 'pod' | 'stranger' | 'uplink'

export interface DevicePrograms {
  /** Descriptors. */
  readonly ingress: number
  readonly egress: number
}

/** Matches names with * for any characters. */
export function deviceMatcher(patterns: readonly string[]): (name: string) => boolean {
  const quoted = patterns.map(pattern => pattern.split('*').map(RegExp.escape).join('.*'))
  const expression = new RegExp(`^(?:${quoted.join('|')})$`)
  return name => patterns.length > 0 && expression.test(name)
}

export interface AttachedDevices {
  /**
   * Attaches to these devices, to none twice, and detaches from those that are no longer wanted. Returns a line for each failure.
   * Throws KernelError when the programs can't be loaded.
   */
  sync(wanted: ReadonlyMap<Device, Role>): string[]
  /** By interface index. */
  readonly attached: ReadonlyMap<number, Role>
}

export interface AttachedDevicesOptions {
  readonly folder: PinFolder
  /** Called when there is a device to attach to. To load them takes the kernel a second. */
  readonly programs: (role: Role) => DevicePrograms
  /** Called once, when programs are loaded and none is attached. */
  readonly onBegin: () => void
}

export function attachedDevices({ folder, programs, onBegin }: AttachedDevicesOptions): AttachedDevices {
  const done = new Map<number, Role>()
  let first = true
  let begun = false

  function forgetGone(present: ReadonlySet<number>): void {
    const gone = [...done.keys()].filter(ifindex => !present.has(ifindex))
    for (const ifindex of gone) done.delete(ifindex)
    // The first time: left by an earlier run whose devices were others.
    if (first || gone.length > 0) detachOthers(folder, present)
    first = false
  }

  return {
    attached: done,
    sync(wanted) {
      forgetGone(new Set([...wanted.keys()].map(device => device.ifindex)))
      const added = [...wanted].filter(([{ ifindex }, role]) => done.get(ifindex) !== role)
      const loaded = added.map(([device, role]) => ({ device, role, programs: programs(role) }))
      if (loaded.length > 0 && !begun) onBegin()
      begun ||= loaded.length > 0
      return loaded.flatMap(({ device, role, programs }) => attach(folder, programs, device, role, done))
    },
  }
}

function attach(
  folder: PinFolder,
  programs: DevicePrograms,
  { ifindex, name }: Device,
  role: Role,
  done: Map<number, Role>,
): string[] {
  try {
    // Replies first: a request must not be translated when its answer would not be.
    attachTc({ folder, programFd: programs.egress, ifindex, direction: 'egress' })
    attachTc({ folder, programFd: programs.ingress, ifindex, direction: 'ingress' })
    done.set(ifindex, role)
    return []
  } catch (error) {
    return [`can't attach to ${ROLES[role]} ${name}: ${(error as Error).message}`]
  }
}

const ROLES: Readonly<Record<Role, string>> = {
  pod: 'pod device',
  stranger: "stranger's device",
  uplink: 'uplink',
}

/** Takes our programs off all devices but these. */
export function detachOthers(folder: PinFolder, keep: ReadonlySet<number>): void {
  for (const { ifindex, direction } of listAttachments(folder))
    if (ifindex !== 0 && !keep.has(ifindex)) detachTc(folder, ifindex, direction)
  removeStaleLinks(folder)
}
