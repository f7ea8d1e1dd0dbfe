// SPDX-License-Identifier: Apache-2.0
/** Our programs where they are attached: on devices of this network namespace, and on cgroups. */
import { listAttachments } from '../kernel/attach.ts'
import { bridge } from '../kernel/bridge.ts'
import { listDevices } from '../kernel/devices.ts'
import { cgroupPath, listHooks } from '../kernel/hooks.ts'
import { cgroupRoot } from '../kernel/mounts.ts'
import type { PinFolder } from '../kernel/pins.ts'
import { listXdp } from '../kernel/xdp.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { xdpWords } from '../reconcile/xdp-text.ts'

interface Program {
  readonly program: string
  /** Instructions that the verifier went through when it was loaded; 1,000,000 are allowed. Before kernel 5.16 nobody knows. */
  readonly verifiedInstructions: number | undefined
}

export interface DeviceProgram extends Program {
  readonly device: string
  readonly direction: string
  readonly kind: string
}

export interface SocketProgram extends Program {
  /** Its folder. "#1234" when it was removed or lies outside of the mount that we see. */
  readonly cgroup: string
}

export function devicePrograms(folder: PinFolder): DeviceProgram[] {
  const devices = new Map(listDevices().map(device => [device.ifindex, device.name]))
  return listAttachments(folder)
    .filter(attachment => devices.has(attachment.ifindex))
    .map(({ kind, ifindex, direction, programId }) => {
      const program = programInfo(programId)
      return { device: devices.get(ifindex) ?? '', direction, kind, ...program }
    })
}

/** How XDP serves an uplink, and if it does not, why. */
export interface UplinkXdp {
  readonly device: string
  /** "native", "generic" or "off". */
  readonly mode: string
  /** Empty when it serves. */
  readonly reason: string
  /** Of its program. */
  readonly verifiedInstructions?: number | undefined
}

export function uplinkXdp(folder: PinFolder, { uplinks }: Pick<Dataplane, 'uplinks'>): UplinkXdp[] {
  const attached = new Map(listXdp(folder).map(attachment => [attachment.ifindex, attachment]))
  const known = new Map(uplinks.entries())
  return listDevices().flatMap(({ ifindex, name: device }) => {
    const uplink = known.get(ifindex)
    const there = attached.get(ifindex)
    if (there === undefined) return uplink ? { device, ...xdpWords(uplink) } : []
    const { verifiedInstructions } = programInfo(there.programId)
    return { device, mode: there.mode, reason: '', verifiedInstructions }
  })
}

export function socketPrograms(folder: PinFolder): SocketProgram[] {
  const hooks = listHooks(folder)
  const ids = [...new Set(hooks.map(({ cgroupId }) => cgroupId))]
  const paths = new Map(ids.map(id => [id, cgroupPath(cgroupRoot(), id) ?? `#${id}`]))
  return hooks.map(({ cgroupId, programId }) => ({ cgroup: paths.get(cgroupId) ?? '', ...programInfo(programId) }))
}

function programInfo(id: number): Program {
  const fd = bridge.programById(id)
  if (fd < 0) return { program: `#${id}`, verifiedInstructions: undefined }
  const info = bridge.programInfo(fd)
  bridge.close(fd)
  if (typeof info === 'number') return { program: `#${id}`, verifiedInstructions: undefined }
  return { program: info.name, verifiedInstructions: info.verifiedInsns || undefined }
}
