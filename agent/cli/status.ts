// SPDX-License-Identifier: Apache-2.0
/** `evenkeel status`: is this node's dataplane in place, how full is it, and what was turned away and why. */
import { Command } from 'commander'
import { askHolder, isHeld } from '../kernel/exclusive.ts'
import { type Feature, probeFeatures } from '../kernel/features.ts'
import { BackendState, Reason, reasonName } from '../kernel/layout.gen.ts'
import { pinFolder } from '../kernel/pins.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { blocksOf } from '../reconcile/table.ts'
import type { AgentState } from '../serve/agent-state.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { type Format, formatTable, outputOption, printJson } from './output.ts'
import {
  type DeviceProgram,
  devicePrograms,
  type SocketProgram,
  socketPrograms,
  type UplinkXdp,
  uplinkXdp,
} from './programs.ts'

export interface Fill {
  readonly map: string
  readonly used: number
  readonly size: number
}

export interface Status {
  /** null: it does not run in this network namespace. */
  readonly agent: AgentState | null
  readonly pins: string
  readonly maps: readonly Fill[]
  /** Of the packet path, in this network namespace. */
  readonly programs: readonly DeviceProgram[]
  /** Of the uplinks in this network namespace. */
  readonly xdp: readonly UplinkXdp[]
  /** Of the socket path. */
  readonly sockets: readonly SocketProgram[]
  readonly features: readonly Feature[]
  /** Packets and calls of sockets that were turned away, by reason. */
  readonly rejected: Readonly<Record<string, bigint>>
}

/** `agent`: see agentOf(). */
export function statusOf(dataplane: Dataplane, bpffs: string, agent: Status['agent']): Status {
  const folder = pinFolder(bpffs)
  return {
    agent,
    pins: folder.path,
    maps: fills(dataplane),
    programs: devicePrograms(folder),
    xdp: uplinkXdp(folder, dataplane),
    sockets: socketPrograms(folder),
    features: probeFeatures(),
    rejected: rejectedByReason(dataplane),
  }
}

/** As it tells of itself. */
export async function agentOf(bpffs: string): Promise<AgentState | null> {
  const told = await askHolder(pinFolder(bpffs))
  const state: Partial<AgentState> = told ? JSON.parse(told) : {}
  return state.pid === undefined ? null : (state as AgentState)
}

function fills({ frontends, backends, tables, services, flows, affinity, sockets }: Dataplane): Fill[] {
  const values = [...frontends.entries()].map(([, value]) => value)
  const runs = new Map(values.filter(value => value.size > 0).map(v => [v.table, blocksOf(v.backends, v.size)]))
  const blocks = [...runs.values()].reduce((sum, n) => sum + n, 0)
  return [
    { map: frontends.layout.name, used: values.length, size: frontends.maxEntries },
    { map: backends.layout.name, used: countBackends(backends), size: backends.maxEntries },
    { map: tables.layout.name, used: blocks, size: tables.maxEntries },
    { map: services.layout.name, used: count(services.entries()), size: services.maxEntries },
    ...[flows, affinity, ...Object.values(sockets ?? {})].map(map => ({
      map: map.layout.name,
      used: count(map.entries()),
      size: map.maxEntries,
    })),
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

/** "NO_ENDPOINTS": 3. Only those that have happened. */
function rejectedByReason({ reasons }: Dataplane): Record<string, bigint> {
  const all = [...reasons.sums()].filter(([reason, n]) => reason !== Reason.NONE && n > 0n)
  return Object.fromEntries(all.map(([reason, n]) => [reasonName(reason), n]))
}

type Row = readonly (string | number)[]

/** A heading with a table, or with a sentence when there is nothing to list. */
function section(heading: string, head: readonly string[], rows: readonly Row[], otherwise: string): string {
  return `${heading}\n${rows.length > 0 ? formatTable(head, rows) : otherwise}\n`
}

function fillRow({ map, used, size }: Fill): Row {
  return [map, used, size, `${((100 * used) / size).toFixed(1)}%`]
}

/** Why an agent does not say how it does. `pins`: its folder. */
export function absence(pins: string): string {
  return isHeld({ path: pins }) ? 'runs here, but does not answer: is it stopped, or very busy?' : 'does not run here'
}

function agentText(agent: AgentState | null, pins: string): string {
  const rows = agent && [
    ['process', `${agent.pid}, version ${agent.version}, since ${agent.startedAt}`],
    ['changes', `${agent.healthy ? 'applied in time' : 'WAIT'}; the last at ${agent.lastApplied ?? 'no time yet'}`],
    ['source', agent.sourceReadable ? 'can be read' : 'CAN NOT BE READ: what is served stays as it was'],
    ['problems', String(agent.problemCount)],
    ...agent.problems.map(problem => ['', problem]),
    ['errors logged', agent.lastError ? `${agent.errors}, the last at ${agent.lastError.time}` : '0'],
    ...(agent.lastError ? [['', agent.lastError.message]] : []),
  ]
  return section('Agent', ['what', 'state'], rows ?? [], `${absence(pins)}; what is in the kernel serves on as it is`)
}

/** As it is printed. */
export function statusText({ agent, pins, maps, sockets, programs, xdp, features, rejected }: Status): string {
  const missing = features.filter(({ present }) => !present)
  return [
    agentText(agent, pins),
    section(`Maps, pinned in ${pins}`, ['map', 'used', 'size', 'fill'], maps.map(fillRow), 'none'),
    section(
      'Socket path',
      ['cgroup', 'program', 'verified instructions'],
      sockets.map(p => [p.cgroup, p.program, p.verifiedInstructions ?? '']),
      'not attached',
    ),
    section(
      'Packet path',
      ['device', 'direction', 'by', 'program', 'verified instructions'],
      programs.map(p => [p.device, p.direction, p.kind, p.program, p.verifiedInstructions ?? '']),
      'not attached to a device of this network namespace',
    ),
    section(
      'XDP at uplinks',
      ['device', 'mode', 'verified instructions', 'why not'],
      xdp.map(x => [x.device, x.mode, x.verifiedInstructions ?? '', x.reason]),
      'no uplinks',
    ),
    section(
      'What this kernel lacks',
      ['feature', 'since', 'without it'],
      missing.map(({ name, since, consequence }) => [name, since, consequence]),
      'nothing',
    ),
    section(
      'Turned away',
      ['reason', 'times'],
      Object.entries(rejected).map(([reason, n]) => [reason, String(n)]),
      'nothing',
    ),
  ].join('\n')
}

export function statusCommand(): Command {
  return new Command('status')
    .description(
      "This node's agent and dataplane: maps and their fill, attached programs, what the kernel lacks, what was turned away and why.",
    )
    .addOption(bpffsOption())
    .addOption(outputOption())
    .action(async ({ bpffs, output }: { bpffs: string; output: Format }) => {
      const agent = await agentOf(bpffs)
      const status = withDataplane(bpffs, dataplane => statusOf(dataplane, bpffs, agent))
      if (output === 'json') printJson(status)
      else process.stdout.write(statusText(status))
    })
}
