// SPDX-License-Identifier: Apache-2.0
/** What a Service adds to connections: through a VIP against the pod's own address, on both paths, at 1 and at many Services. */
import { interleave, type Measured, median, perRound, ratio } from './abba.ts'
import { type Cluster, type Kind, upCluster, WAYS, type Way } from './cluster.ts'
import { benchOptions, type Control, printReport, type Row, saveReport, type Target } from './report.ts'

const {
  rounds: ROUNDS,
  requests: REQUESTS,
  services: MANY,
} = benchOptions('Connections through a VIP against direct ones, in the lab.', {
  rounds: [24, 'how often all take turns, twice each; at least 8'],
  requests: [300, 'in a turn'],
  services: [50_000, 'how many are many'],
})

const PATHS = ['socket', 'packet'] as const
type Path = (typeof PATHS)[number]
/** Connections take longer. */
const COUNTS: Readonly<Record<Kind, number>> = {
  stream: REQUESTS,
  connect: Math.ceil(REQUESTS / 2),
  datagram: REQUESTS,
  sendto: REQUESTS,
}
const KINDS: Readonly<Record<Kind, string>> = {
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
  /** The same as another arm. */
  readonly again: boolean
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

function armsOf(sites: readonly Site[]): Arm[] {
  const arm = (site: Site, way: Way, vip: boolean, again = false): Arm => ({ site, way, vip, again, cpu: [] })
  return [
    ...sites.flatMap(site => WAYS.flatMap(way => [arm(site, way, false), arm(site, way, true)])),
    arm(sites[0]!, 'near', false, true),
  ]
}

type Find = (path: Path, many: boolean, way: Way, vip: boolean) => Arm

function finder(arms: readonly Arm[]): Find {
  return (path, many, way, vip) =>
    arms.find(({ site, ...arm }) => site.path === path && site.many === many && arm.way === way && arm.vip === vip)!
}

async function measure(sites: readonly Site[], kind: Kind): Promise<{ rows: Row[]; controls: Control[] }> {
  const arms = armsOf(sites)
  const measured = await interleave(arms, ROUNDS, async arm => {
    const { p50, cpu } = await arm.site.cluster.ask(kind, arm.way, arm.vip, COUNTS[kind])
    arm.cpu.push(cpu)
    return p50
  })
  const find = finder(arms)
  return { rows: rowsOf(measured, kind, find), controls: controlsOf(measured, kind, arms, find) }
}

function rowsOf(measured: Measured<Arm>, kind: Kind, find: Find): Row[] {
  const rows: Row[] = []
  for (const path of PATHS) {
    for (const way of WAYS)
      for (const many of [false, true])
        rows.push(comparison(measured, kind, find(path, many, way, true), find(path, many, way, false)))
    if (kind === 'connect') rows.push(...WAYS.map(way => growth(measured, find, path, way)))
  }
  // What the path's programs take from connections that are no Service's, and in all from those that are.
  for (const vip of [false, true])
    rows.push({
      what: `packet, near, ${vip ? 'VIP' : 'direct'}: ${KINDS[kind]}: rate, / direct without programs`,
      value: ratio(measured, find('socket', false, 'near', false), find('packet', false, 'near', vip)),
      unit: 'ratio',
    })
  return rows
}

function growth(measured: Measured<Arm>, find: Find, path: Path, way: Way): Row {
  return {
    what: `${path}, ${way}: ${KINDS.connect}: VIP time, ${MANY} Services / 1`,
    value: ratio(measured, find(path, true, way, true), find(path, false, way, true)),
    unit: 'ratio',
    target: GROWTH,
  }
}

/** As a rate, or for connections as a time. */
function comparison(measured: Measured<Arm>, kind: Kind, vip: Arm, direct: Arm): Row {
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

/** The same twice in one lab, and the same in two labs that differ in nothing that direct connections meet. */
function controlsOf(measured: Measured<Arm>, kind: Kind, arms: readonly Arm[], find: Find): Control[] {
  const direct = find('socket', false, 'near', false)
  const again = arms.find(arm => arm.again)!
  return [
    { what: `${KINDS[kind]}: direct / direct`, ratio: ratio(measured, again, direct) },
    {
      what: `${KINDS[kind]}: direct in one lab / in another`,
      ratio: ratio(measured, find('socket', true, 'near', false), direct),
    },
  ]
}

async function main(): Promise<void> {
  const sites = await upSites()
  const rows: Row[] = []
  const controls: Control[] = []
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const one = await measure(sites, kind)
    rows.push(...one.rows)
    controls.push(...one.controls)
  }
  const method = `medians over ${ROUNDS} rounds of the ratio of p50s of ${REQUESTS} requests (connections: half as many) of 64 bytes`
  const report = { part: 'connections', method, rows, controls }
  printReport(report)
  saveReport(report)
  await Promise.all(sites.map(({ cluster }) => cluster.down()))
}

if (ROUNDS < 8) process.stderr.write('fewer than 8 rounds: for a first look only\n')
await main()
