// SPDX-License-Identifier: Apache-2.0
/** Tables for docs/performance.md. */

import { type SavedReport, type Series, valueText, verdict } from './report.ts'
import type { Results } from './results.ts'
import { largestNoise, limitsOf } from './results.ts'
import { scores, verdictOf } from './targets.ts'

export function markdown({ reports }: Results): string {
  return [goals(reports), ...reports.map(part)].join('\n\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function goals(reports: readonly SavedReport[]): string {
  const rows = scores(reports).map(score => {
    const { what, worst, isNoisy } = score
    const value = worst ? valueText(worst.value, worst.unit) : ''
    return [what, value, ...(worst ? limitsOf(worst) : ['', '']), `${verdictOf(score)}${isNoisy ? ' (noisy run)' : ''}`]
  })
  return `### Targets\n\n${table(['what', 'worst row', 'must', 'aim', ''], rows)}`
}

function part(report: SavedReport): string {
  const { part, date, kernel, commit, cpus, cpu, noisy, method, rows, series = [] } = report
  const noise = noisy ? `**Noisy: don't quote this run** (${largestNoise(report)})` : `noise ${largestNoise(report)}`
  const lines = rows.map(row => {
    const { what, value, unit, target, note = '' } = row
    return [what, valueText(value, unit), ...limitsOf(row), target ? verdict(value, target) : '', note]
  })
  return [
    `### ${part}`,
    `${date.slice(0, 10)}, kernel ${kernel}, ${cpus} processors (${cpu}), commit ${commit}; ${noise}. ${method}.`,
    ...series.map(over),
    table(['what', 'value', 'must', 'aim', 'verdict', ''], lines),
  ].join('\n\n')
}

/** The same as a plot: a line of it is a row. */
function over({ title, unit, over, lines }: Series): string {
  const places = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))]
  const rows = lines.map(({ name, points }) => {
    const at = new Map(points.map(({ x, y }) => [x, y]))
    return [name, ...places.map(place => (at.has(place) ? valueText(at.get(place)!, unit) : ''))]
  })
  return table([`${title}, at ${over}:`, ...places.map(place => place.toLocaleString('en'))], rows)
}
