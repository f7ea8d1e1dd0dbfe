// SPDX-License-Identifier: Apache-2.0
/**
 * One agent's work in a process of its own: `node control-plane-run.ts FOLDER SERVICES CHANGES`. FOLDER, on a bpffs, holds the maps:
 * they may be there already (a restart). Prints JSON.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pino from 'pino'
import { loadObject } from '../agent/kernel/objects.ts'
import { writesOf } from '../agent/kernel/operations.ts'
import { pinFolder } from '../agent/kernel/pins.ts'
import { returnMemory } from '../agent/memory.ts'
import type { ServiceKey, ServiceView } from '../agent/objects.ts'
import { type Dataplane, dataplaneOf } from '../agent/reconcile/dataplane.ts'
import { createDriver } from '../agent/reconcile/driver.ts'
import { quantile } from './abba.ts'
import { ENDPOINTS, NODE, serviceView } from './control-plane-objects.ts'
import { spin } from './spin.ts'

const OBJECT = join(import.meta.dirname, '../bpf/build/tc.bpf.o')
/** The configuration's defaults, and where they do not do, twice what it takes. */
function sizesFor(count: number) {
  const backends = Math.max(262_144, count * ENDPOINTS * 2)
  return { services: 65_536, counters: 65_536, frontends: 262_144, backends, tables: Math.max(524_288, count * 17 * 2) }
}

export interface Outcome {
  /** Milliseconds from decoded objects to maps; for a restart, with reading the maps back. */
  readonly wall: number
  readonly cpu: number
  readonly writes: number
  readonly syscalls: number
  /** Bytes, once what is not used has been given back, as the agent does after its first sync. */
  readonly rss: number
  /** The most that there was. */
  readonly peak: number
  /** Of it the maps' own memory, which is the kernel's: it would be there without the agent, too. */
  readonly rssMaps: number
  /** Of it files, Node's program for the most part: shared with other processes of it, and the kernel may drop it. */
  readonly rssFiles: number
  /** Before there was any Service. */
  readonly rssEmpty: number
  /** Of JavaScript objects that are in use, the source's included. */
  readonly heap: number
  /** Of JavaScript objects that are in use, the driver's own. */
  readonly heapOwn: number
  /** Bytes of selection tables and backends. */
  readonly selection: number
  /** Bytes of all maps, as the kernel counts them (memlock of fdinfo). */
  readonly kernel: number
  readonly changes?: Changes | undefined
  /** Time of a fixed piece of work after / before: 1 on a quiet machine. */
  readonly calm: number
}

/** Of one endpoint each. */
export interface Changes {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** At most. */
  readonly writes: number
  readonly syscalls: number
}

type Driver = ReturnType<typeof createDriver>

function main(folder: string, count: number, changes: number): Outcome {
  const rssEmpty = process.memoryUsage.rss()
  const heapEmpty = heapInUse()
  const services = new Map(Array.from({ length: count }, (_, number) => serviceView(number)))
  const heapSource = heapInUse() - heapEmpty
  const object = loadObject({
    file: OBJECT,
    folder: pinFolder(folder),
    settings: { eventSample: 0, netnsCookie: 0n },
    sizes: sizesFor(count),
    // Maps alone, as the agent does: programs are loaded when a device asks for them.
    programs: [],
  })
  const dataplane = dataplaneOf(object)
  const calmBefore = spin()
  const filled = fill(dataplane, services)
  const calm = spin() / calmBefore
  const peak = process.resourceUsage().maxRSS * KILOBYTE
  returnMemory()
  const { rss, rssMaps, rssFiles } = resident()
  const selection = selectionBytes(dataplane)
  const changed = changes > 0 ? change(dataplane, filled.driver, count, changes) : undefined
  const { wall, cpu, writes, syscalls } = filled
  const heap = heapInUse()
  return {
    wall,
    cpu,
    writes,
    syscalls,
    rss,
    peak,
    rssMaps,
    rssFiles,
    rssEmpty,
    heap,
    heapOwn: heap - heapSource - heapEmpty,
    selection,
    kernel: kernelBytes(),
    changes: changed,
    calm,
  }
}

const KILOBYTE = 1_024

/** Bytes by kind, from proc(5). */
function resident() {
  let rssMaps = 0
  for (const area of readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m))
    if (area.split('\n', 1)[0]!.endsWith('bpf-map')) rssMaps += kilobytes(area, 'Rss')
  const status = readFileSync('/proc/self/status', 'utf8')
  return { rss: kilobytes(status, 'VmRSS'), rssMaps, rssFiles: kilobytes(status, 'RssFile') - rssMaps }
}

function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * KILOBYTE
}

/** Each map once, whatever number of descriptors there is. */
function kernelBytes(): number {
  const bytes = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const text = tryRead(`/proc/self/fdinfo/${fd}`)
    const id = /^map_id:\s+(\d+)/m.exec(text)?.[1]
    if (id !== undefined) bytes.set(id, Number(/^memlock:\s+(\d+)/m.exec(text)?.[1] ?? 0))
  }
  return [...bytes.values()].reduce((sum, one) => sum + one, 0)
}

/** Empty for a descriptor that is closed by now. */
function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function fill(dataplane: Dataplane, services: ReadonlyMap<ServiceKey, ServiceView>) {
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const driver = createDriver({
    dataplane,
    contextOf: node => ({ nodeName: NODE.name, node, serviceProxyName: '' }),
    log: pino({ level: 'fatal' }),
    onBackendsGone: () => undefined,
  })
  driver.update({ services, node: NODE, incomplete: false })
  const wall = performance.now() - began
  const { user, system } = process.cpuUsage(cpuBefore)
  const { operations } = dataplane
  return { driver, wall, cpu: (user + system) / 1_000, writes: writesOf(operations), syscalls: operations.syscalls }
}

/** One endpoint of one Service after the other is exchanged. */
function change(dataplane: Dataplane, driver: Driver, count: number, changes: number): Changes {
  const { operations } = dataplane
  const times: number[] = []
  let writes = 0
  let syscalls = 0
  for (let i = 1; i <= changes; i++) {
    const services = new Map([serviceView((i * 7_919) % count, i)])
    const before = { writes: writesOf(operations), syscalls: operations.syscalls }
    const began = performance.now()
    driver.update({ services, incomplete: false })
    times.push(performance.now() - began)
    writes = Math.max(writes, writesOf(operations) - before.writes)
    syscalls = Math.max(syscalls, operations.syscalls - before.syscalls)
  }
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), writes, syscalls }
}

/** Blocks of the arena up to the last one that was ever written, and backends in use: what is in the memory that the maps share. */
function selectionBytes({ tables, backends }: Dataplane): number {
  const STATE = 18
  let last = tables.memory.length - 1
  while (last >= 0 && tables.memory[last] === 0) last--
  let used = 0
  for (let at = STATE; at < backends.memory.length; at += backends.stride) if (backends.memory[at] !== 0) used++
  return Math.ceil((last + 1) / tables.stride) * tables.stride + used * backends.stride
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  let [before, used] = [Infinity, Infinity]
  // What was only just let go may take a second time.
  do {
    collect()
    ;[before, used] = [used, process.memoryUsage().heapUsed]
  } while (used < before - 10_000)
  return used
}

const [folder = '', count = '', changes = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(main(folder, Number(count), Number(changes)))}\n`)
