// SPDX-License-Identifier: Apache-2.0
/** What Evenkeel has to reach, and how far the rows of a run are from it. */
import { type Row, type SavedReport, type Target, verdict } from './report.ts'

interface Goal {
  readonly what: string
  readonly part: RegExp
  readonly row: RegExp
}

/** One for each promise; rows that have a target of their own count. */
const GOALS: readonly Goal[] = [
  {
    what: 'VIP / direct, established request rate, socket path',
    part: /^(connections|peers)$/,
    row: /^socket, .* rate$|evenkeel, socket \/ direct, rate$/,
  },
  {
    what: 'VIP / direct, established request rate, tc path',
    part: /^(connections|peers)$/,
    row: /^packet, .* rate$|evenkeel, tc \/ direct, rate$/,
  },
  {
    what: 'new connection through a VIP / direct, 50,000 Services',
    part: /^(connections|peers)$/,
    row: /\b50000 Services: connect, request, close: /,
  },
  { what: 'new connection at 50,000 Services / at 1', part: /^connections$/, row: /50000 Services \/ 1$/ },
  {
    what: 'tc translation of an established flow, above null',
    part: /^packets, (apart|closely)$/,
    row: /established, (to the Service|reply)/,
  },
  { what: 'XDP NodePort, above null', part: /^packets, XDP, closely$/, row: /established$/ },
  { what: 'first packet of a flow, extra', part: /^packets/, row: /first packet, above an established one$/ },
  { what: '10,000 Services x 10: objects to maps', part: /^control plane$/, row: /^10000 .*: objects to maps$/ },
  { what: 'one endpoint change at that size, p50', part: /^control plane$/, row: /^10000 .* change, p50$/ },
  { what: 'the same: map operations', part: /^control plane$/, row: /^10000 .* change: system calls/ },
  { what: 'selection memory a Service', part: /^control plane$/, row: /^10000 .*: selection memory/ },
  { what: 'agent RSS at that size', part: /^control plane$/, row: /^10000 .*: RSS/ },
  { what: 'restart with nothing changed: map writes', part: /^control plane$/, row: /^10000 .* changed: writes$/ },
  { what: 'flows that move when another backend goes', part: /^consistency$/, row: /connections of \d+ that break$/ },
  {
    what: 'slots that move beyond the ideal, n = 10',
    part: /^consistency$/,
    row: /^10 backends, one (goes|comes): slots/,
  },
]

export interface Score {
  readonly what: string
  /** Of all rows, the one that is furthest from its aim; undefined: none was measured. */
  readonly worst?: Row & { readonly target: Target }
  readonly rows: number
  readonly isNoisy: boolean
}

export function scores(reports: readonly SavedReport[]): readonly Score[] {
  return GOALS.map(({ what, part, row }) => {
    const found = reports
      .filter(report => part.test(report.part))
      .flatMap(({ rows, noisy }) => rows.map(one => ({ ...one, noisy })))
      .flatMap(one => (one.target && row.test(one.what) ? [{ ...one, target: one.target }] : []))
    const [worst] = found.toSorted((a, b) => distance(b.value, b.target) - distance(a.value, a.target))
    return { what, rows: found.length, isNoisy: worst?.noisy ?? false, ...(worst && { worst }) }
  })
}

/** Whether it is better or worse than the aim, and by how much of it. */
function distance(value: number, { aim, least = false }: Target): number {
  const beyond = least ? aim - value : value - aim
  return beyond / (aim || 1)
}

export function verdictOf({ worst }: Score): string {
  return worst ? verdict(worst.value, worst.target) : 'not measured'
}
