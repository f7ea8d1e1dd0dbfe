// SPDX-License-Identifier: Apache-2.0
/** Whether two runs say the same: their ratios, as far as the controls of both allow. */
import { formatTable } from '../agent/cli/output.ts'
import { type SavedReport, valueText } from './report.ts'
import { noiseOf, type Results, sameRow } from './results.ts'

export interface Difference {
  readonly part: string
  readonly what: string
  readonly before: number
  readonly now: number
  /** Of `now` from `before`, as a share. */
  readonly by: number
  /** By as much a control of that part was off, in either run. */
  readonly noise: number
}

/** Of all ratios that both runs have. */
export function differences(now: readonly SavedReport[], before: readonly SavedReport[]): readonly Difference[] {
  return now.flatMap(report => {
    const other = before.find(({ part }) => part === report.part)
    if (other === undefined) return []
    const noise = Math.max(noiseOf(report), noiseOf(other))
    const ratios = report.rows.filter(({ unit }) => unit === 'ratio')
    return ratios.flatMap(({ what, value }) => {
      const row = sameRow(before, report.part, what)
      if (row === undefined) return []
      return [{ part: report.part, what, before: row.value, now: value, by: value / row.value - 1, noise }]
    })
  })
}

/** For people: how many agree with each other run, and those that do not. Empty when there is no other run. */
export function agreement({ reports, others }: Results): string {
  return others.map(({ name, reports: before }) => section(name, differences(reports, before))).join('\n\n')
}

function section(name: string, all: readonly Difference[]): string {
  const apart = all.filter(({ by, noise }) => Math.abs(by) > noise)
  const within = (share: number) => all.filter(({ by }) => Math.abs(by) <= share).length
  const head = [
    `## agreement with ${name}`,
    `${all.length - apart.length} of ${all.length} ratios are within what the controls were off; ${within(0.01)} within 1 %, ${within(0.02)} within 2 %`,
  ].join('\n\n')
  if (apart.length === 0) return head
  const percent = (share: number) => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`
  const lines = apart
    .toSorted((a, b) => Math.abs(b.by) - Math.abs(a.by))
    .map(({ part, what, before, now, by, noise }) => [
      `${part}: ${what}`,
      valueText(before, 'ratio'),
      valueText(now, 'ratio'),
      percent(by),
      percent(noise).replace('+', ''),
    ])
  return `${head}\n\n${formatTable(['beyond them', name, 'now', 'by', 'controls'], lines)}`
}
