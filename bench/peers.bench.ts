// SPDX-License-Identifier: Apache-2.0
/** Evenkeel beside what kube-proxy programs, and both against the pod's own address, in one run. */

import { kubeProxies } from './kube-proxy.ts'
import { direct, evenkeel, hasLegacyIptables, iptables, type Means, nftables } from './means.ts'
import { compare, type Figure, figures, type Outcome, WRK_ROUNDS, wrkFigures } from './peer-figures.ts'
import { AT_NODE_PORT, NEAR, type Scene } from './peer-scene.ts'
import { type Site, upSite } from './peer-site.ts'
import { createProgress, type Progress } from './progress.ts'
import { benchOptions, publish, type Report, type Series } from './report.ts'

const options = benchOptions("Evenkeel, and rules like kube-proxy's, against direct connections, in the lab.", {
  rounds: [12, 'how often all take turns, twice each; at least 8'],
  requests: [200, 'in a turn (connections: half as many)'],
  milliseconds: [150, 'that wrk runs in a turn, 1,000 at most'],
  services: [50_000, 'at most; less is quicker'],
  outside: [1_000, 'Services beside the nodePort'],
})

const SIZES = [1, 1_000, 10_000, 50_000].filter(size => size <= options.services)
/** wrk's turns are long: only at the smallest and at the largest. */
const WRK_SIZES = [SIZES[0]!, SIZES.at(-1)!]

const { KUBE_PROXY } = process.env
const PROXIES = KUBE_PROXY ? kubeProxies(KUBE_PROXY) : []
const BASE = [direct('direct'), direct('direct, again')]
const NEAR_MEANS: readonly Means[] = [
  ...BASE,
  evenkeel('evenkeel, socket', { podPath: 'socket' }, { path: 'socket' }),
  evenkeel('evenkeel, tc', { podPath: 'packet' }, { path: 'packet' }),
  nftables('nftables rules'),
  iptables('iptables rules (nf_tables)', 'nft'),
  ...(hasLegacyIptables() ? [iptables('iptables rules (legacy)', 'legacy')] : []),
  ...PROXIES,
]
const OUTSIDE_MEANS: readonly Means[] = [
  ...BASE,
  evenkeel('evenkeel, tc', { xdp: 'off' }, {}),
  evenkeel('evenkeel, XDP', { xdp: 'native' }, { xdp: true }),
  nftables('nftables rules'),
]

/** Seconds on a quiet machine of two processors, roughly: for the time that is left. */
const COST = {
  up: (sites: number) => sites * 1.5,
  serve: (services: number) => 6 + services / 1_000,
  figure: (sites: number) => sites * options.rounds * 0.025,
  wrk: (sites: number) => (sites * 2 * (WRK_ROUNDS + 1) * (options.milliseconds + 120)) / 1_000,
} as const

interface Act {
  readonly part: string
  readonly about: string
  readonly scene: Scene
  readonly means: readonly Means[]
  readonly sizes: readonly number[]
  readonly wrkSizes: readonly number[]
  /** A direct connection has the same way, so that ratios can be judged. */
  readonly judged: boolean
}

const ACTS: readonly Act[] = [
  {
    part: 'peers',
    about: 'client and backend are pods of one node, the tested Service is the last one',
    scene: NEAR,
    means: NEAR_MEANS,
    sizes: SIZES,
    wrkSizes: WRK_SIZES,
    judged: true,
  },
  {
    part: 'peers, nodePort',
    about: 'the client is outside, the backend on another node; a direct connection does not pass the first node',
    scene: AT_NODE_PORT,
    means: OUTSIDE_MEANS,
    sizes: [options.outside],
    wrkSizes: [options.outside],
    judged: false,
  },
]

async function upSites({ scene, means }: Act, name: string): Promise<Site[]> {
  const sites: Site[] = []
  for (const one of means) sites.push(await upSite(`${name}x${sites.length}`, scene, one))
  return sites
}

function figuresAt({ wrkSizes }: Act, size: number): readonly Figure[] {
  return [...figures(options), ...(wrkSizes.includes(size) ? wrkFigures(options) : [])]
}

function costOf(act: Act): number {
  const sites = act.means.length
  const perSize = (size: number) =>
    COST.serve(size) + figuresAt(act, size).reduce((sum, figure) => sum + figureCost(figure, sites), 0)
  return COST.up(sites) + act.sizes.reduce((sum, size) => sum + perSize(size), 0)
}

function figureCost({ unit }: Figure, sites: number): number {
  return unit === '/s' ? COST.wrk(sites) : COST.figure(sites)
}

async function play(act: Act, name: string, progress: Progress): Promise<readonly Report[]> {
  const sites = await upSites(act, name)
  progress.step(`${act.part}: ${sites.length} labs are up`, COST.up(sites.length))
  const outcomes: Outcome[] = []
  for (const size of act.sizes) {
    const able = sites.filter(({ means }) => size <= (means.most ?? size))
    for (const site of able) await site.serve(size)
    progress.step(`${act.part}: ${size} Services are there`, COST.serve(size))
    for (const figure of figuresAt(act, size)) {
      outcomes.push(await compare(figure, able, size, act.judged))
      progress.step(`${act.part}: ${size} Services: ${figure.title}`, figureCost(figure, sites.length))
    }
  }
  for (const site of sites) await site.down()
  const isWrk = ({ figure }: Outcome) => figure.unit === '/s'
  return [
    reportOf(
      act.part,
      `${act.about}; ${askedMethod()}; ${METHOD}`,
      outcomes.filter(one => !isWrk(one)),
    ),
    reportOf(`${act.part}, wrk`, `${act.about}; ${wrkMethod()}; ${METHOD}`, outcomes.filter(isWrk)),
  ]
}

const METHOD =
  'client and server share a processor; each means has a lab of its own, direct connections have two; no agent or proxy runs meanwhile'

function askedMethod(): string {
  const { rounds, requests } = options
  return `medians over ${rounds} rounds of ratios of p50s of ${requests} requests (connections: half as many) of 64 bytes`
}

function wrkMethod(): string {
  return `medians over ${WRK_ROUNDS} rounds of ratios of requests a second over ${options.milliseconds} ms, 8 connections, an HTTP server in C`
}

/** What disturbs one way of asking need not have disturbed the other. */
function reportOf(part: string, method: string, outcomes: readonly Outcome[]): Report {
  return {
    ...{ part, method },
    rows: outcomes.flatMap(({ rows }) => rows),
    controls: outcomes.map(({ control }) => control),
    series: seriesOf(outcomes),
  }
}

/** Of a point. */
type Quantity = 'ratio' | 'value' | 'cpu'

/** For each figure how it is to a direct one, what it is, and the CPU time that it takes. */
function seriesOf(outcomes: readonly Outcome[]): Series[] {
  const byTitle = Map.groupBy(outcomes, ({ figure }) => figure.title)
  return [...byTitle].flatMap(([title, some]) => {
    const { unit, as } = some[0]!.figure
    const points = some.flatMap(({ points }) => points)
    const names = [...new Set(points.map(({ means }) => means))]
    const line = (name: string, of: Quantity) => ({
      name,
      points: points.filter(({ means }) => means === name).map(point => ({ x: point.services, y: point[of] })),
    })
    const series = (what: string, unit: string, of: Quantity): Series => ({
      ...{ title: `${title}: ${what}`, unit, over: 'Services' },
      lines: names.map(name => line(name, of)),
    })
    return [
      series(`${as} / direct`, 'ratio', 'ratio'),
      series(unit === 'us' ? 'time' : 'requests a second', unit, 'value'),
      series('CPU time a request', 'us', 'cpu'),
    ]
  })
}

async function main(): Promise<void> {
  const progress = createProgress(ACTS.reduce((sum, act) => sum + costOf(act), 0))
  for (const [i, act] of ACTS.entries()) {
    for (const report of await play(act, `p${process.pid}x${i}`, progress)) {
      publish(report)
    }
  }
}

if (options.rounds < 8) process.stderr.write('fewer than 8 rounds: for a first look only\n')
if (PROXIES.length === 1) process.stderr.write(`${PROXIES[0]!.name} alone: this kube-proxy has no mode nftables\n`)
if (!hasLegacyIptables()) process.stderr.write('iptables-legacy is left out: this kernel has no such tables\n')
await main()
