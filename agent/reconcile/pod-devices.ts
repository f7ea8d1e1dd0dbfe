// SPDX-License-Identifier: Apache-2.0
/** The packet path's programs on the devices that lead to pods, as devices come and go. */
import { attachTc, detachTc, listAttachments, removeStaleLinks } from '../kernel/attach.ts'
import type { Device } from '../kernel/devices.ts'
import type { PinFolder } from '../kernel/pins.ts'

export interface PodPrograms {
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

export interface PodDevices {
  /**
   * Attaches to new devices and to none twice; detaches from those that no longer match. Returns a line for each failure. Throws
   * KernelError when the programs can't be loaded.
   */
  sync(devices: Iterable<Device>): string[]
}

/** `programs` is called when there is a device to attach to. */
export function podDevices(folder: PinFolder, programs: () => PodPrograms, patterns: readonly string[]): PodDevices {
  const matches = deviceMatcher(patterns)
  const done = new Set<number>()
  let first = true

  function forgetGone(present: ReadonlySet<number>): void {
    // Left by an earlier run whose patterns were others.
    if (first) detachOthers(folder, present)
    first = false
    const gone = [...done].filter(ifindex => !present.has(ifindex))
    for (const ifindex of gone) done.delete(ifindex)
    if (gone.length > 0) removeStaleLinks(folder)
  }

  return {
    sync(devices) {
      const wanted = [...devices].filter(device => !device.loopback && matches(device.name))
      forgetGone(new Set(wanted.map(device => device.ifindex)))
      const added = wanted.filter(({ ifindex }) => !done.has(ifindex))
      return added.length === 0 ? [] : added.flatMap(device => attach(folder, programs(), device, done))
    },
  }
}

function attach(folder: PinFolder, programs: PodPrograms, { ifindex, name }: Device, done: Set<number>): string[] {
  try {
    // Replies first: a request must not be translated when its answer would not be.
    attachTc({ folder, programFd: programs.egress, ifindex, direction: 'egress' })
    attachTc({ folder, programFd: programs.ingress, ifindex, direction: 'ingress' })
    done.add(ifindex)
    return []
  } catch (error) {
    return [`can't attach to pod device ${name}: ${(error as Error).message}`]
  }
}

/** Takes our programs off all devices but these. */
export function detachOthers(folder: PinFolder, keep: ReadonlySet<number>): void {
  for (const { ifindex, direction } of listAttachments(folder))
    if (ifindex !== 0 && !keep.has(ifindex)) detachTc(folder, ifindex, direction)
  removeStaleLinks(folder)
}
