// SPDX-License-Identifier: Apache-2.0
/** The real programs, loaded with maps of their own, and frames run through them (BPF_PROG_TEST_RUN). Nothing is attached or pinned. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { resolve } from 'node:path'
import { mapArray } from '../../agent/kernel/array.ts'
import { type BpfObject, bridge, type TestRunResult } from '../../agent/kernel/bridge.ts'
import { parseBtf } from '../../agent/kernel/btf.ts'
import type { MapLayout } from '../../agent/kernel/codec.ts'
import { parseElf, sectionData } from '../../agent/kernel/elf.ts'
import { MAPS } from '../../agent/kernel/layout.gen.ts'
import { openMap, type TypedMap } from '../../agent/kernel/maps.ts'
import { rodataWith } from '../../agent/kernel/objects.ts'
import { openPerCpuMap } from '../../agent/kernel/percpu.ts'
import { reached } from '../../agent/preflight/rights.ts'
import { ringSlots } from '../../agent/reconcile/rings.ts'
import { decodeSkb, encodeSkb, SKB_SIZE, type SkbFields } from './skb.ts'
import { encodeXdpMd } from './xdp-md.ts'

/** By object: the programs that frames go through. */
const OBJECTS = {
  tc: ['tc_pod_ingress', 'tc_pod_egress'],
  uplink: ['tc_uplink_ingress', 'tc_uplink_egress'],
  xdp: ['xdp_uplink'],
} as const

type ObjectName = keyof typeof OBJECTS

function fileOf(name: ObjectName): string {
  return resolve(import.meta.dirname, `../../bpf/build/${name}.bpf.o`)
}

/** What a program can say about a frame (linux/pkt_cls.h). */
export const VERDICT = { PASS: -1, SHOT: 2, REDIRECT: 7 } as const

/** What one at XDP can say (enum xdp_action). */
export const XDP_VERDICT = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 } as const

/** The shortest frame of its kind that BPF_PROG_TEST_RUN takes: an IP header must be whole unless it is behind a tag. */
export function shortestRun(frame: Buffer): number {
  const type = frame.readUInt16BE(12)
  if (type === 0x0800) return 14 + 20
  return type === 0x86dd ? 14 + 40 : 14 + 1
}

/** From the pod and to the pod, from outside and to the outside. */
export type Program = (typeof OBJECTS)[ObjectName][number]

/**
 * BPF_F_TEST_SKB_CHECKSUM_COMPLETE (kernel 6.16): EBADMSG when the program left a device's sum over the packet wrong.
 * Older kernels refuse the flag: there that sum goes unchecked, and the packet is checked as everywhere.
 */
const CHECKSUM_COMPLETE = reached(release(), 6, 16) ? 1 << 2 : 0

export interface RunOptions extends SkbFields {
  readonly checksumComplete?: boolean
}

export interface Outcome {
  readonly verdict: number
  /** As the program left it; a copy. */
  readonly frame: Buffer
  readonly skb: Required<SkbFields>
}

/** The kernel did not take the frame, or found the device's sum wrong (EBADMSG). */
export class RunError extends Error {
  readonly errno: number

  constructor(program: Program, frame: Buffer, errno: number) {
    super(`can't run ${program} on ${frame.toString('hex')}: errno ${errno}`)
    this.errno = errno
  }
}

export type Dataplane = ReturnType<typeof loadDataplane>

export interface LoadOptions {
  /** Of ek_flows. */
  readonly flows?: number
  /** One in so many new flows makes an event. */
  readonly eventSample?: number
  /** Slots of ek_opening for each CPU; 0: flows that are not assured are not counted, and a full table stays full. Default: as the agent has it. */
  readonly opening?: number
  /** ICMP answers a second and CPU; default 0: no limit. */
  readonly icmp?: number
  /** The caller says which addresses may be ours (admit() of agent/reconcile/known-addresses.ts); default: all may. */
  readonly knowsAddresses?: boolean
  /** Default tc. */
  readonly object?: ObjectName
  /** Path of another build of it. */
  readonly file?: string
  /** Works on the maps of another one. */
  readonly shared?: Pick<Dataplane, MapName>
}

/** Entries of ek_flows. */
const FLOWS = 16_384

/** Throws when the kernel refuses the object, with the verifier's log. */
export function loadDataplane(options: LoadOptions = {}) {
  const object = openObject(options)
  const names: readonly Program[] = OBJECTS[options.object ?? 'tc']
  const programs = Object.fromEntries(
    names.map(name => [name, must(bridge.objectProgramFd(object, name), `no program ${name}`)]),
  ) as Readonly<Record<Program, number>>
  const out = Buffer.alloc(70_000)
  const ctxOut = Buffer.alloc(SKB_SIZE)
  const maps = openMaps(object)
  if (!options.shared && !options.knowsAddresses) maps.addresses.memory.fill(0xff)
  return {
    ...maps,
    ringSlots: ringOf(options),
    /** Descriptors by name. */
    programs,
    /** Runs one frame through a program and returns what became of it. */
    run(program: Program, frame: Buffer, run: RunOptions = {}): Outcome {
      const flags = run.checksumComplete ? CHECKSUM_COMPLETE : 0
      const ctx = contextOf(program, frame, run)
      const result = bridge.testRun(programs[program], { data: frame, dataOut: out, ctxOut, flags, ...ctx })
      if (result.errno < 0) throw new RunError(program, frame, -result.errno)
      return outcome(result, out, ctxOut)
    },
    /** Packets that were dropped or refused for a reason. */
    reason: (reason: number): bigint => maps.reasons.sum(reason) ?? 0n,
    close(): void {
      for (const map of Object.values(maps)) map.close()
      for (const fd of Object.values(programs)) bridge.close(fd)
      bridge.objectClose(object)
    },
  }
}

function contextOf(program: Program, frame: Buffer, run: RunOptions): { readonly ctx?: Buffer } {
  if (program === 'xdp_uplink') return { ctx: encodeXdpMd(frame.length, run.ifindex ?? 0) }
  const { checksumComplete: _, ...skb } = run
  return Object.keys(skb).length > 0 ? { ctx: encodeSkb(skb) } : {}
}

/** Slots of ek_opening for each CPU. */
function ringOf({ opening, flows = FLOWS }: LoadOptions): number {
  return opening ?? ringSlots(flows, flows)
}

function openObject(options: LoadOptions): BpfObject {
  const { flows = FLOWS, eventSample = 0, icmp = 0, object: name = 'tc', file = fileOf(name), shared } = options
  const bytes = readFileSync(file)
  const object = bridge.objectOpen(bytes, `${name}.bpf.o`)
  if (typeof object === 'number') throw new Error(`can't open ${file}: errno ${-object}`)
  const elf = parseElf(bytes, file)
  const rodata = rodataWith(
    { eventSample, opening: ringOf(options), rings: bridge.possibleCpus(), icmp },
    elf,
    parseBtf(sectionData(elf, '.BTF')!),
  )!
  must(bridge.objectSetRodata(object, rodata), "can't set ek_settings")
  must(bridge.objectSetMaxEntries(object, MAPS.flows.name, shared?.flows.maxEntries ?? flows), "can't size ek_flows")
  for (const { layout, fd } of shared ? NAMES.map(map => shared[map]) : [])
    must(bridge.objectReuseMap(object, layout.name, fd), `can't share ${layout.name}`)
  const { errno, log } = bridge.objectLoad(object)
  if (errno < 0) throw new Error(`can't load ${file}: errno ${-errno}\n${log}`)
  return object
}

/** Of maps that the agent and tests read and write. */
const NAMES = [
  'frontends',
  'backends',
  'tables',
  'affinity',
  'flows',
  'rings',
  'foreign',
  'fragments',
  'addresses',
  'nodeAddrs',
  'uplinks',
  'ranges',
  'counters',
  'reasons',
] as const

type MapName = (typeof NAMES)[number]

function openMaps(object: BpfObject) {
  const fdOf = (map: { readonly name: string }) => must(bridge.objectMapFd(object, map.name), `no map ${map.name}`)
  const open = <K, V>(layout: MapLayout<K, V>): TypedMap<K, V> => openMap(layout, fdOf(layout))
  return {
    frontends: open(MAPS.frontends),
    backends: open(MAPS.backends),
    tables: open(MAPS.tables),
    affinity: open(MAPS.affinity),
    flows: open(MAPS.flows),
    foreign: open(MAPS.foreign),
    fragments: open(MAPS.fragments),
    rings: mapArray(MAPS.rings, fdOf(MAPS.rings)),
    addresses: mapArray(MAPS.addresses, fdOf(MAPS.addresses)),
    nodeAddrs: open(MAPS.nodeAddrs),
    uplinks: open(MAPS.uplinks),
    ranges: open(MAPS.ranges),
    counters: openPerCpuMap(MAPS.counters, fdOf(MAPS.counters)),
    reasons: openPerCpuMap(MAPS.reasons, fdOf(MAPS.reasons)),
  }
}

function outcome({ retval, dataSizeOut }: TestRunResult, out: Buffer, ctxOut: Buffer): Outcome {
  return { verdict: retval | 0, frame: Buffer.from(out.subarray(0, dataSizeOut)), skb: decodeSkb(ctxOut) }
}

function must(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${-result}`)
  return result
}
