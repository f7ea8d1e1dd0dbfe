// SPDX-License-Identifier: Apache-2.0
/** What a Service adds to connections: through a VIP against the pod's own address, on both paths, at 1 and at many Services. */
import { interleave, type Measured, median, perRound, ratio } from './abba.ts'
import { type Cluster, upCluster, WAYS, type Way } from './cluster.ts'
import type { Kind } from './exchange.ts'
import { benchOptions, type Control, publish, type Row, type Target } from './report.ts'

const {
  rounds: ROUNDS,
  requests: REQUESTS,
  services: MANY,
} = benchOptions('Connections through a VIP against direct ones, in the lab.', {
  rounds: [40, 'how often all take turns, twice each; at least 8'],
  requests: [100, 'in a turn'],
  services: [50_000, 'how many are many'],
})

const PATHS = ['socket', 'packet'] as const
type Path = (typeof PATHS)[number]
type Compared = Exclude<Kind, 'open'>
/** Connections take longer. */
const COUNTS: Readonly<Record<Compared, number>> = {
  stream: REQUESTS,
  connect: Math.ceil(REQUESTS / 2),
  datagram: REQUESTS,
  sendto: REQUESTS,
}
const KINDS: Readonly<Record<Compared, string>> = {
  stream: 'requests over one connection',
  connect: 'connect, request, close',
  datagram: 'UDP, connected socket',
  sendto: 'UDP, unconnected socket',
}

const RATE: Readonly<Record<Path, Target>> = {
  socket: { must: 0.97, aim: 0.99, least: true },
  packet: { must: 0.95, aim: 0.98, least: true },
}
const CONNECT: Target = { must: 1.1, aim: 1.03 }
const GROWTH: Target = { must: 1.1, aim: 1.05 }

interface Site {
  readonly path: Path
  readonly many: boolean
  readonly cluster: Cluster
}

interface Arm {
  readonly site: Site
  readonly way: Way
  readonly vip: boolean
  /** Of each turn. */
  readonly cpu: number[]
}

async function upSites(): Promise<Site[]> {
  const sites: Site[] = []
  for (const path of PATHS)
    for (const many of [false, true]) {
      const name = `b${process.pid}x${sites.length}`
      const cluster = await upCluster({ name, podPath: path, services: many ? MANY : 2 })
      process.stderr.write(
        `${path} path, ${many ? MANY : 2} Services: agent ready after ${cluster.startSeconds.toFixed(1)} s\n`,
      )
      sites.push({ path, many, cluster })
    }
  return sites
}

function armOf(sites: readonly Site[], path: Path, many: boolean, way: Way, vip: boolean): Arm {
  const site = sites.find(site => site.path === path && site.many === many)!
  return { site, way, vip, cpu: [] }
}

interface Part {
  readonly rows: readonly Row[]
  readonly control: Control
}

/** Turns are short and only what is compared takes turns, so that what disturbs one arm disturbs its neighbours. */
function takeTurns(kind: Compared, arms: readonly Arm[]): Promise<Measured<Arm>> {
  return interleave(arms, ROUNDS, async arm => {
    const { p50, cpu } = await arm.site.cluster.ask(kind, arm.way, arm.vip, COUNTS[kind])
    arm.cpu.push(cpu)
    return p50
  })
}

/** VIP and direct, at one Service and at many. */
async function compare(sites: readonly Site[], kind: Compared, path: Path, way: Way): Promise<Part> {
  const arm = (many: boolean, vip: boolean) => armOf(sites, path, many, way, vip)
  const [direct, vip, again, vipOfMany, directOfMany] = [
    arm(false, false),
    arm(false, true),
    arm(false, false),
    arm(true, true),
    arm(true, false),
  ] as const
  const measured = await takeTurns(kind, [direct, vip, again, vipOfMany, directOfMany])
  const rows = [comparison(measured, kind, vip, direct), comparison(measured, kind, vipOfMany, directOfMany)]
  if (kind === 'connect')
    rows.push({
      what: `${path}, ${way}: ${KINDS.connect}: VIP time, ${MANY} Services / 1`,
      value: ratio(measured, vipOfMany, vip),
      unit: 'ratio',
      target: GROWTH,
    })
  const control = { what: `${path}, ${way}: ${KINDS[kind]}: direct / direct`, ratio: ratio(measured, again, direct) }
  return { rows, control }
}

/** What the programs at pods' devices take from connections that are no Service's, and in all from those that are. */
async function tax(sites: readonly Site[], kind: Compared): Promise<Part> {
  const arm = (path: Path, vip: boolean) => armOf(sites, path, false, 'near', vip)
  const [bare, direct, vip, again] = [
    arm('socket', false),
    arm('packet', false),
    arm('packet', true),
    arm('socket', false),
  ] as const
  const measured = await takeTurns(kind, [bare, direct, vip, again])
  const row = (what: string, one: Arm): Row => ({
    what: `packet, near: ${KINDS[kind]}: ${what} rate / direct without programs`,
    value: ratio(measured, bare, one),
    unit: 'ratio',
  })
  const control = { what: `tax: ${KINDS[kind]}: direct / direct`, ratio: ratio(measured, again, bare) }
  return { rows: [row('direct', direct), row('VIP', vip)], control }
}

/** As a rate, or for connections as a time. */
function comparison(measured: Measured<Arm>, kind: Compared, vip: Arm, direct: Arm): Row {
  const { path, many } = vip.site
  const where = `${path}, ${vip.way}, ${many ? MANY : 1} Services: ${KINDS[kind]}`
  const micro = (arm: Arm) => `${(median(perRound(measured, arm)) / 1_000).toFixed(1)} us`
  const cpu = (arm: Arm) => `${median(arm.cpu).toFixed(1)} us`
  const note = `${micro(vip)} against ${micro(direct)}; CPU ${cpu(vip)} against ${cpu(direct)}`
  if (kind === 'connect')
    return {
      what: `${where}: VIP / direct time`,
      value: ratio(measured, vip, direct),
      unit: 'ratio',
      target: CONNECT,
      note,
    }
  const target = kind === 'sendto' ? {} : { target: RATE[path] }
  return { what: `${where}: VIP / direct rate`, value: ratio(measured, direct, vip), unit: 'ratio', ...target, note }
}

async function main(): Promise<void> {
  const sites = await upSites()
  const parts: Part[] = []
  for (const kind of Object.keys(KINDS) as Compared[]) {
    for (const path of PATHS) for (const way of WAYS) parts.push(await compare(sites, kind, path, way))
    parts.push(await tax(sites, kind))
  }
  const method = `medians over ${ROUNDS} rounds of the ratio of p50s of ${REQUESTS} requests (connections: half as many) of 64 bytes; client and server share a processor`
  const rows = parts.flatMap(({ rows }) => rows)
  const report = { part: 'connections', method, rows, controls: parts.map(({ control }) => control) }
  publish(report)
  await Promise.all(sites.map(({ cluster }) => cluster.down()))
}

if (ROUNDS < 8) process.stderr.write('fewer than 8 rounds: for a first look only\n')
await main()
