// SPDX-License-Identifier: Apache-2.0
/** XDP on uplinks: which devices get it, and why others do not; the answer stands in ek_uplinks. */
import { constants } from 'node:os'
import type { Config } from '../config.ts'
import type { Device } from '../kernel/devices.ts'
import { KernelError } from '../kernel/errno.ts'
import { Xdp } from '../kernel/layout.gen.ts'
import type { PinFolder } from '../kernel/pins.ts'
import { attachXdp, detachOtherXdp, type XdpMode } from '../kernel/xdp.ts'
import type { Dataplane } from './dataplane.ts'
import { xdpText } from './xdp-text.ts'

export interface XdpUplinks {
  /** Attaches to these devices where the configuration wants it, and detaches from others. Returns lines that tell of each. */
  sync(uplinks: readonly Device[]): string[]
}

export interface XdpUplinksOptions {
  readonly folder: PinFolder
  readonly mode: Config['xdp']
  readonly dataplane: Pick<Dataplane, 'uplinks'>
  /** Called when there is a device to attach to. Throws KernelError. */
  readonly programFd: (mode: XdpMode) => number
}

interface Answer {
  readonly xdp: Xdp
  /** Of Xdp.REFUSED. */
  readonly error: number
}

const { EBUSY, EEXIST, EOPNOTSUPP } = constants.errno
const MODES: Readonly<Partial<Record<Xdp, XdpMode>>> = { [Xdp.NATIVE]: 'native', [Xdp.GENERIC]: 'generic' }
/** Paravirtual devices that hand over packets of the same host with their checksums unfinished, XDP or not. */
const UNFIT_BUSES: readonly string[] = ['xen', 'vmbus']

/**
 * auto is for hardware (and virtio, which has checksums finished as soon as there is an XDP program). What comes over a veth, or over
 * what is built on other devices, may have a checksum that a device was left to finish: sent on as it is, it would be wrong.
 */
export function wantedXdp(mode: Config['xdp'], { kind, bus }: Pick<Device, 'kind' | 'bus'>): Xdp {
  if (mode === 'off') return Xdp.OFF
  if (mode === 'generic') return Xdp.GENERIC
  // A bond's packets run through the program as its ports', which have no routes and no name.
  if (mode === 'native') return kind === 'bond' ? Xdp.UNFIT : Xdp.NATIVE
  return kind === '' && !UNFIT_BUSES.includes(bus) ? Xdp.NATIVE : Xdp.UNFIT
}

export function xdpUplinks({ folder, mode, dataplane: { uplinks: map }, programFd }: XdpUplinksOptions): XdpUplinks {
  /** With the program of this process. */
  const done = new Set<number>()

  function note({ ifindex }: Device, answer: Answer): void {
    const there = map.lookup(ifindex)
    if (there && (there.xdp !== answer.xdp || there.error !== answer.error))
      map.update(ifindex, { ...there, ...answer })
  }

  function attach(device: Device, xdp: Xdp, way: XdpMode): string {
    const { ifindex, name } = device
    if (done.has(ifindex)) return `${name}: ${xdpText({ xdp, error: 0 })}`
    // Before another mode goes: nobody sends frames here meanwhile.
    if (map.lookup(ifindex)?.xdp !== xdp) note(device, { xdp: Xdp.OFF, error: 0 })
    const { answer, hint } = attempt(() => attachXdp({ folder, programFd: programFd(way), ifindex, mode: way }), xdp)
    if (answer.xdp === xdp) done.add(ifindex)
    note(device, answer)
    return `${name}: ${xdpText(answer)}${hint}`
  }

  function leave(device: Device, xdp: Xdp): string {
    note(device, { xdp, error: 0 })
    return `${device.name}: ${xdpText({ xdp, error: 0 })}`
  }

  return {
    sync(uplinks) {
      const plan = uplinks.map(device => [device, wantedXdp(mode, device)] as const)
      const keep = new Set(plan.filter(([, xdp]) => MODES[xdp]).map(([{ ifindex }]) => ifindex))
      for (const ifindex of done) if (!keep.has(ifindex)) done.delete(ifindex)
      const left = plan.filter(([, xdp]) => !MODES[xdp]).map(([device, xdp]) => leave(device, xdp))
      detachOtherXdp(folder, keep)
      const attached = plan.flatMap(([device, xdp]) => (MODES[xdp] ? attach(device, xdp, MODES[xdp]) : []))
      return [...left, ...attached]
    },
  }
}

function attempt(attach: () => void, xdp: Xdp): { readonly answer: Answer; readonly hint: string } {
  try {
    attach()
    return { answer: { xdp, error: 0 }, hint: '' }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const { errno, message } = error
    if (errno === EBUSY || errno === EEXIST) return { answer: { xdp: Xdp.TAKEN, error: 0 }, hint: '' }
    // ENOTSUPP (524) is the kernel's own word for the same.
    return { answer: { xdp: Xdp.REFUSED, error: errno > 0xff ? EOPNOTSUPP : errno }, hint: ` (${message})` }
  }
}
