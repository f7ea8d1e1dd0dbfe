// SPDX-License-Identifier: Apache-2.0
/** All results as one HTML page that needs nothing else. */
import { escapeText, gauge, numberText, plot } from './plot.ts'
import { type Row, type SavedReport, valueText, verdict } from './report.ts'
import { largestNoise, limitsOf, type Results, sameRow } from './results.ts'
import { scores, verdictOf } from './targets.ts'

const COLOURS: Readonly<Record<string, string>> = {
  'aim met': '#2a9d5c',
  'must met': '#e0a21b',
  MISSED: '#d1495b',
}

/** They are all near 1. */
const RATIOS_FROM = 0.8

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; max-width: 1240px; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem }
table { border-collapse: collapse; margin: .6rem 0 } th, td { padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #999 } td { border-bottom: 1px solid #eee }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .wide { overflow-x: auto; font-size: 13px }
.plots { display: flex; flex-wrap: wrap; gap: 1.6rem } figure { margin: 0; width: 560px } figcaption { font-weight: 600 }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: #444 } .grid { stroke: #e4e4e4 }
.legend { list-style: none; padding: 0; margin: .2rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: 13px }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 5px; vertical-align: -1px }
.noisy { color: #a4293b; font-weight: 600 } .about { color: #555; font-size: 13px; max-width: 72rem }
`

export function resultsPage(results: Results): string {
  const { reports } = results
  const body = [
    '<h1>Evenkeel: measurements</h1>',
    `<p class="about">Bars reach to the value, those of ratios begin at ${RATIOS_FROM}; the line is what must be met, the broken line what is aimed at.</p>`,
    '<h2>Targets</h2>',
    goals(reports),
    '<h2>Parts</h2>',
    parts(reports),
    ...reports.map(report => section(report)),
    '<h2>All rows</h2>',
    rows(results),
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Evenkeel: measurements</title>
<style>${STYLE}</style></head><body>
${body.join('\n')}
</body></html>
`
}

/** Cells are HTML. */
function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map(cell => (cell.startsWith('<td') ? cell : `<${tag}>${cell}</${tag}>`)).join('')}</tr>`
  return `<table>${row(head.map(escapeText), 'th')}\n${lines.map(line => row(line, 'td')).join('\n')}</table>`
}

function number(text: string): string {
  return `<td class="n">${escapeText(text)}</td>`
}

function warning(noisy: boolean): string {
  return noisy ? '<span class="noisy">noisy: not to be quoted</span>' : ''
}

function bar({ value, unit, target }: Row): string {
  return target ? gauge(value, target, COLOURS[verdict(value, target)]!, unit === 'ratio' ? RATIOS_FROM : 0) : ''
}

function limits(row: Row): string[] {
  return limitsOf(row).map(number)
}

function goals(reports: readonly SavedReport[]): string {
  const lines = scores(reports).map(score => {
    const { what, worst, rows, isNoisy } = score
    if (!worst) return [escapeText(what), '', '', '', '', 'not measured', '']
    const cells = [number(valueText(worst.value, worst.unit)), bar(worst), ...limits(worst), verdictOf(score)]
    return [
      escapeText(what),
      ...cells,
      `${warning(isNoisy)} ${rows > 1 ? `worst of ${rows}: ` : ''}${escapeText(worst.what)}`,
    ]
  })
  return `<div class="wide">${table(['what', 'value', '', 'must', 'aim', 'verdict', 'row'], lines)}</div>`
}

function parts(reports: readonly SavedReport[]): string {
  const lines = reports.map(report => [
    escapeText(report.part),
    ...[report.date.slice(0, 16).replace('T', ' '), report.kernel, report.commit].map(escapeText),
    escapeText(`${report.cpus} x ${report.cpu}`),
    `${largestNoise(report)} ${warning(report.noisy)}`,
  ])
  return table(['part', 'date (UTC)', 'kernel', 'commit', 'processors', 'largest noise'], lines)
}

function section(report: SavedReport): string {
  const { part, method, series = [], rows, noisy } = report
  const judged = rows.filter(({ target }) => target)
  if (series.length === 0 && judged.length === 0) return ''
  const figures = series.map(
    one =>
      `<figure><figcaption>${escapeText(one.unit === 'ratio' ? one.title : `${one.title}, ${one.unit}`)}</figcaption>${plot(one)}</figure>`,
  )
  const bars = judged.map(row => [
    escapeText(row.what),
    number(valueText(row.value, row.unit)),
    bar(row),
    ...limits(row),
    verdict(row.value, row.target!),
  ])
  return [
    `<h2>${escapeText(part)} ${warning(noisy)}</h2><p class="about">${escapeText(method)}</p>`,
    `<div class="plots">${figures.join('\n')}</div>`,
    judged.length > 0 ? table(['what', 'value', '', 'must', 'aim', 'verdict'], bars) : '',
  ].join('\n')
}

function rows({ reports, others }: Results): string {
  const head = ['part', 'what', 'value', 'must', 'aim', 'verdict', 'noise', 'note', ...others.map(({ name }) => name)]
  const lines = reports.flatMap(report =>
    report.rows.map(row => {
      const { what, value, unit, target, note = '' } = row
      const before = others.map(({ reports }) => sameRow(reports, report.part, what))
      return [
        escapeText(report.part),
        escapeText(what),
        number(valueText(value, unit)),
        ...limits(row),
        target ? verdict(value, target) : '',
        `${largestNoise(report)}${report.noisy ? ' <span class="noisy">noisy</span>' : ''}`,
        escapeText(note),
        ...before.map(other =>
          number(other ? `${valueText(other.value, other.unit)}${change(value, other.value)}` : ''),
        ),
      ]
    }),
  )
  return `<div class="wide">${table(head, lines)}</div>`
}

function change(now: number, before: number): string {
  return before === 0 ? '' : ` (${numberText((now / before - 1) * 100)} %)`
}
