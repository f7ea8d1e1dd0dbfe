// SPDX-License-Identifier: Apache-2.0
/** `evenkeel status`: is this node's dataplane in place, how full is it, and what was turned away and why. */
import { Command } from 'commander'
import { listAttachments } from '../kernel/attach.ts'
import { bridge } from '../kernel/bridge.ts'
import { listDevices } from '../kernel/devices.ts'
import { BackendState, FrontendFlag, Reason, reasonName } from '../kernel/layout.gen.ts'
import { pinFolder } from '../kernel/pins.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { blocksOf } from '../reconcile/table.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { type Format, outputOption, printJson, printTable } from './output.ts'

export interface Fill {
  readonly map: string
  readonly used: number
  readonly size: number
}

export interface AttachedProgram {
  readonly device: string
  readonly direction: string
  readonly kind: string
  readonly program: string
  /** Instructions that the verifier went through when it was loaded; 1,000,000 are allowed. */
  readonly verifiedInstructions: number
}

export interface Status {
  readonly pins: string
  readonly maps: readonly Fill[]
  readonly programs: readonly AttachedProgram[]
  /** Packets turned away, by reason. */
  readonly rejected: Readonly<Record<string, bigint>>
}

export function statusOf(dataplane: Dataplane, bpffs: string): Status {
  const folder = pinFolder(bpffs)
  return {
    pins: folder.path,
    maps: fills(dataplane),
    programs: attachedPrograms(bpffs),
    rejected: rejectedByReason(dataplane),
  }
}

function fills({ frontends, backends, tables, services, flows, affinity }: Dataplane): Fill[] {
  const values = [...frontends.entries()].map(([, value]) => value)
  const runs = new Map(
    values
      .filter(value => value.slots > 0)
      .map(v => [v.table, blocksOf(v.backends, v.slots, (v.flags & FrontendFlag.WIDE) !== 0)]),
  )
  const blocks = [...runs.values()].reduce((sum, n) => sum + n, 0)
  return [
    { map: frontends.layout.name, used: values.length, size: frontends.maxEntries },
    { map: backends.layout.name, used: countBackends(backends), size: backends.maxEntries },
    { map: tables.layout.name, used: blocks, size: tables.maxEntries },
    { map: services.layout.name, used: count(services.entries()), size: services.maxEntries },
    { map: flows.layout.name, used: count(flows.entries()), size: flows.maxEntries },
    { map: affinity.layout.name, used: count(affinity.entries()), size: affinity.maxEntries },
  ]
}

function count(entries: Iterable<unknown>): number {
  let n = 0
  for (const _ of entries) n++
  return n
}

function countBackends(backends: Dataplane['backends']): number {
  let n = 0
  for (let id = 1; id < backends.maxEntries; id++) if (backends.read(id).state !== BackendState.FREE) n++
  return n
}

function attachedPrograms(bpffs: string): AttachedProgram[] {
  const devices = new Map(listDevices().map(device => [device.ifindex, device.name]))
  return listAttachments(pinFolder(bpffs))
    .filter(attachment => devices.has(attachment.ifindex))
    .map(({ kind, ifindex, direction, programId }) => {
      const program = programInfo(programId)
      return { device: devices.get(ifindex) ?? '', direction, kind, ...program }
    })
}

function programInfo(id: number): Pick<AttachedProgram, 'program' | 'verifiedInstructions'> {
  const fd = bridge.programById(id)
  if (fd < 0) return { program: `#${id}`, verifiedInstructions: 0 }
  const info = bridge.programInfo(fd)
  bridge.close(fd)
  if (typeof info === 'number') return { program: `#${id}`, verifiedInstructions: 0 }
  return { program: info.name, verifiedInstructions: info.verifiedInsns }
}

/** "NO_ENDPOINTS": 3. Only those that have happened. */
function rejectedByReason({ reasons }: Dataplane): Record<string, bigint> {
  const all = [...reasons.sums()].filter(([reason, n]) => reason !== Reason.NONE && n > 0n)
  return Object.fromEntries(all.map(([reason, n]) => [reasonName(reason), n]))
}

function printStatus(status: Status): void {
  process.stdout.write(`Maps, pinned in ${status.pins}\n`)
  const percent = ({ used, size }: Fill) => `${((100 * used) / size).toFixed(1)}%`
  printTable(
    ['map', 'used', 'size', 'fill'],
    status.maps.map(fill => [fill.map, fill.used, fill.size, percent(fill)]),
  )
  process.stdout.write('\nPrograms\n')
  if (status.programs.length === 0) process.stdout.write('none attached in this network namespace\n')
  else
    printTable(
      ['device', 'direction', 'by', 'program', 'verified instructions'],
      status.programs.map(p => [p.device, p.direction, p.kind, p.program, p.verifiedInstructions]),
    )
  const rejected = Object.entries(status.rejected)
  process.stdout.write(rejected.length > 0 ? '\nTurned away\n' : '\nNothing was turned away.\n')
  if (rejected.length > 0)
    printTable(
      ['reason', 'packets'],
      rejected.map(([reason, n]) => [reason, String(n)]),
    )
}

export function statusCommand(): Command {
  return new Command('status')
    .description("This node's dataplane: maps and their fill, attached programs, packets turned away by reason.")
    .addOption(bpffsOption())
    .addOption(outputOption())
    .action(({ bpffs, output }: { bpffs: string; output: Format }) => {
      const status = withDataplane(bpffs, dataplane => statusOf(dataplane, bpffs))
      if (output === 'json') printJson(status)
      else printStatus(status)
    })
}
