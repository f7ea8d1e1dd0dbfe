// SPDX-License-Identifier: Apache-2.0
/** Plots as SVG: lines over a logarithmic axis, bars where there is but one place on it, and a value between its marks. */
import type { Series, Target } from './report.ts'

const WIDTH = 560
const HEIGHT = 300
const FRAME = { left: 62, right: 14, top: 14, bottom: 44 } as const
const COLOURS = ['#555555', '#0b6fb8', '#2a9d5c', '#d1495b', '#e08e1b', '#8a5fbf', '#7a5230']
const TICKS = 5

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

export function numberText(value: number): string {
  const digits = value === 0 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length]!
}

/** One, two or five times a power of ten, so that so many ticks reach the value. */
function tickStep(largest: number): number {
  const rough = largest / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * [1, 2, 5, 10].find(factor => factor * power >= rough)!
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeText(content)}</text>`
}

export function plot(series: Series): string {
  const places = [...new Set(series.lines.flatMap(({ points }) => points.map(({ x }) => x)))].toSorted((a, b) => a - b)
  return places.length > 1 ? linePlot(series, places) : barPlot(series)
}

function svg(title: string, height: number, content: readonly string[]): string {
  const box = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  return `<svg ${box} role="img" aria-label="${escapeText(title)}">${content.join('')}</svg>`
}

function linePlot({ title, unit, over, lines }: Series, places: readonly number[]): string {
  const largest = Math.max(...lines.flatMap(({ points }) => points.map(({ y }) => y)))
  const step = tickStep(largest)
  const top = Math.ceil(largest / step) * step
  const [first, last] = [Math.log10(places[0]!), Math.log10(places.at(-1)!)]
  const x = (value: number) =>
    FRAME.left + ((Math.log10(value) - first) / (last - first)) * (WIDTH - FRAME.left - FRAME.right)
  const y = (value: number) => HEIGHT - FRAME.bottom - (value / top) * (HEIGHT - FRAME.top - FRAME.bottom)
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step)
  const drawn = lines.map(({ points }, i) => {
    const at = points.map(point => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`)
    const dots = points.map(
      point =>
        `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="3" fill="${colourOf(i)}"><title>${numberText(point.y)} ${unit}</title></circle>`,
    )
    return `<polyline points="${at.join(' ')}" fill="none" stroke="${colourOf(i)}" stroke-width="2"/>${dots.join('')}`
  })
  const picture = svg(title, HEIGHT, [
    ...ticks.map(
      tick => `<line class="grid" x1="${FRAME.left}" x2="${WIDTH - FRAME.right}" y1="${y(tick)}" y2="${y(tick)}"/>`,
    ),
    ...ticks.map(tick => text(FRAME.left - 6, y(tick) + 4, 'end', numberText(tick))),
    ...places.map(place =>
      text(
        x(place),
        HEIGHT - FRAME.bottom + 18,
        place === places[0] ? 'start' : place === places.at(-1) ? 'end' : 'middle',
        numberText(place),
      ),
    ),
    text((FRAME.left + WIDTH - FRAME.right) / 2, HEIGHT - 6, 'middle', `${over} (logarithmic axis)`),
    ...drawn,
  ])
  return `${picture}${legend(lines.map(({ name }) => name))}`
}

function legend(names: readonly string[]): string {
  const items = names.map((name, i) => `<li><i style="background:${colourOf(i)}"></i>${escapeText(name)}</li>`)
  return `<ul class="legend">${items.join('')}</ul>`
}

const BAR = 24
const NAMES = 190
const VALUES = 90

function barPlot({ title, unit, over, lines }: Series): string {
  const bars = lines.flatMap(({ name, points }) => points.map(({ x, y }) => ({ name, x, y })))
  const largest = Math.max(...bars.map(({ y }) => y), Number.MIN_VALUE)
  const rows = bars.map(({ name, y }, i) => {
    const [top, width] = [i * BAR + 4, (y / largest) * (WIDTH - NAMES - VALUES)]
    return [
      text(NAMES - 8, top + 13, 'end', name),
      `<rect x="${NAMES}" y="${top}" width="${width.toFixed(1)}" height="${BAR - 8}" fill="${colourOf(i)}"/>`,
      text(NAMES + width + 6, top + 13, 'start', unit === 'ratio' ? numberText(y) : `${numberText(y)} ${unit}`),
    ].join('')
  })
  const below = text(NAMES, bars.length * BAR + 18, 'start', bars[0] ? `at ${numberText(bars[0].x)} ${over}` : '')
  return svg(title, bars.length * BAR + 26, [...rows, below])
}

const GAUGE = { width: 180, height: 16 } as const

/** A value as a bar that begins at `from`; must is a line through it, aim a broken one. */
export function gauge(value: number, { must, aim }: Target, colour: string, from = 0): string {
  const { width, height } = GAUGE
  const scale = (Math.max(value, must, aim, Number.MIN_VALUE) - from) * 1.08
  const at = (where: number) => ((Math.max(0, where - from) / scale) * width).toFixed(1)
  const mark = (where: number, dash: string) =>
    `<line x1="${at(where)}" x2="${at(where)}" y1="0" y2="${height}" stroke="#222" stroke-width="1.5"${dash}/>`
  const box = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
  const bar = `<rect x="0" y="3" width="${at(value)}" height="${height - 6}" fill="${colour}"/>`
  return `<svg ${box} role="img" aria-label="value, must and aim">${bar}${mark(must, '')}${mark(aim, ' stroke-dasharray="2 2"')}</svg>`
}
