// SPDX-License-Identifier: Apache-2.0
/** What is measured of each means, and the rows that come of it. */
import { interleave, LARGEST_NOISE, type Measured, median, perRound, ratio } from './abba.ts'
import type { Kind } from './exchange.ts'
import type { Means } from './means.ts'
import type { Site } from './peer-site.ts'
import type { Control, Row, Target } from './report.ts'

/** Of a figure: at one number of Services, by one means. */
export interface Point {
  readonly means: string
  readonly services: number
  readonly value: number
  /** To the direct one, as the figure has it. */
  readonly ratio: number
  /** Microseconds a request. */
  readonly cpu: number
}

export interface Outcome {
  readonly figure: Figure
  readonly rows: readonly Row[]
  readonly points: readonly Point[]
  readonly control: Control
}

export interface Figure {
  readonly title: string
  /** What is compared; what is measured is a time (us), or with wrk a rate (requests a second). */
  readonly as: 'rate' | 'time'
  readonly unit: 'us' | '/s'
  readonly rounds: number
  readonly measure: (site: Site) => Promise<{ readonly value: number; readonly cpu: number }>
  readonly targets?: Readonly<Record<'socket' | 'packet', Target>>
}

const RATE = { socket: { must: 0.97, aim: 0.99, least: true }, packet: { must: 0.95, aim: 0.98, least: true } } as const
const CONNECT: Target = { must: 1.1, aim: 1.03 }

export interface FigureOptions {
  readonly rounds: number
  /** In a turn. */
  readonly requests: number
  /** That wrk runs in a turn. */
  readonly milliseconds: number
}

/** wrk's turns are long. */
export const WRK_ROUNDS = 8

export function figures({ rounds, requests }: FigureOptions): readonly Figure[] {
  const asked = (kind: Kind, count: number) => async (site: Site) => {
    const { p50, cpu } = await site.ask(kind, count)
    return { value: p50 / 1_000, cpu }
  }
  // Connections take longer.
  const few = Math.ceil(requests / 2)
  const common = { unit: 'us', rounds } as const
  return [
    { ...common, title: 'requests over one connection', as: 'rate', measure: asked('stream', requests), targets: RATE },
    { ...common, title: 'UDP, connected socket', as: 'rate', measure: asked('datagram', requests), targets: RATE },
    {
      ...{ ...common, title: 'connect, request, close', as: 'time', measure: asked('connect', few) },
      targets: { socket: CONNECT, packet: CONNECT },
    },
    { ...common, title: 'first packet until the connection is open', as: 'time', measure: asked('open', few) },
  ]
}

export function wrkFigures({ milliseconds }: FigureOptions): readonly Figure[] {
  const loaded = (close: boolean) => async (site: Site) => {
    const { perSecond, cpu } = await site.load({ close, milliseconds })
    return { value: perSecond, cpu }
  }
  const common = { as: 'rate', unit: '/s', rounds: WRK_ROUNDS } as const
  return [
    { ...common, title: 'wrk, keep-alive', measure: loaded(false) },
    { ...common, title: 'wrk, Connection: close', measure: loaded(true) },
  ]
}

/** The first two sites are both direct: the base, and the control. */
export async function compare(
  figure: Figure,
  sites: readonly Site[],
  services: number,
  judged: boolean,
): Promise<Outcome> {
  const cpu = new Map(sites.map(site => [site, [] as number[]]))
  const measured = await interleave(sites, figure.rounds, async site => {
    const { value, cpu: used } = await figure.measure(site)
    cpu.get(site)!.push(used)
    return value
  })
  const [base, again, ...others] = sites as readonly [Site, Site, ...Site[]]
  const where = `${services} ${services === 1 ? 'Service' : 'Services'}: ${figure.title}`
  const control = { what: `${where}: direct / direct`, ratio: ratio(measured, again, base) }
  const isNoisy = Math.abs(control.ratio - 1) > LARGEST_NOISE
  const value = (site: Site) => median(perRound(measured, site))
  const points = [base, ...others].map(site => ({
    ...{ means: site.means.name, services, value: value(site) },
    ratio: compared(figure, measured, site, base),
    cpu: median(cpu.get(site)!),
  }))
  const rows = points.slice(1).map((point, i): Row => {
    const target = judged ? targetOf(figure, others[i]!.means) : undefined
    return {
      what: `${where}: ${point.means} / direct, ${figure.as}`,
      value: point.ratio,
      unit: 'ratio',
      ...(target && { target }),
      note: `${isNoisy ? 'NOISY; ' : ''}${noteOf(figure, point, points[0]!)}`,
    }
  })
  return { figure, rows, points, control }
}

function compared({ as, unit }: Figure, measured: Measured<Site>, site: Site, base: Site): number {
  const isInverse = as === 'rate' && unit === 'us'
  return isInverse ? ratio(measured, base, site) : ratio(measured, site, base)
}

function targetOf({ targets }: Figure, { path }: Means): Target | undefined {
  return path && targets?.[path]
}

function noteOf({ unit }: Figure, one: Point, base: Point): string {
  const text = (value: number) => (unit === 'us' ? `${value.toFixed(1)} us` : `${value.toFixed()}/s`)
  const cpu = ({ cpu }: Point) => `${cpu.toFixed(1)} us`
  return `${text(one.value)} against ${text(base.value)}; CPU ${cpu(one)} against ${cpu(base)}`
}
