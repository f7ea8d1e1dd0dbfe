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
  /** Attaches to new devices and to none twice; detaches from those that no longer match. Returns a line for each failure. */
  sync(devices: Iterable<Device>): string[]
  /** Names of the devices that are attached to. */
  readonly attached: ReadonlySet<string>
}

export function podDevices(folder: PinFolder, programs: PodPrograms, patterns: readonly string[]): PodDevices {
  const matches = deviceMatcher(patterns)
  const done = new Map<number, string>()
  let first = true
  return {
    sync(devices) {
      const wanted = [...devices].filter(device => !device.loopback && matches(device.name))
      const present = new Set(wanted.map(device => device.ifindex))
      // Left by an earlier run whose patterns were others.
      if (first) detachOthers(folder, present)
      first = false
      const gone = [...done.keys()].filter(ifindex => !present.has(ifindex))
      for (const ifindex of gone) done.delete(ifindex)
      if (gone.length > 0) removeStaleLinks(folder)
      const failures: string[] = []
      for (const { ifindex, name } of wanted) {
        if (done.has(ifindex)) continue
        try {
          // Replies first: a request must not be translated when its answer would not be.
          attachTc({ folder, programFd: programs.egress, ifindex, direction: 'egress' })
          attachTc({ folder, programFd: programs.ingress, ifindex, direction: 'ingress' })
          done.set(ifindex, name)
        } catch (error) {
          failures.push(`can't attach to pod device ${name}: ${(error as Error).message}`)
        }
      }
      return failures
    },
    get attached() {
      return new Set(done.values())
    },
  }
}

/** Takes our programs off all devices but these. */
export function detachOthers(folder: PinFolder, keep: ReadonlySet<number>): void {
  for (const { ifindex, direction } of listAttachments(folder))
    if (ifindex !== 0 && !keep.has(ifindex)) detachTc(folder, ifindex, direction)
  removeStaleLinks(folder)
}
