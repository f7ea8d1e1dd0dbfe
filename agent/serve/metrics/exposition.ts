// SPDX-License-Identifier: Apache-2.0
/**
 * Metrics as text: Prometheus' own format (0.0.4) and OpenMetrics 1.0. prom-client writes either from one registry, not both in turn.
 */
import type { Registry } from './prom-client.ts'

export type Format = keyof typeof CONTENT_TYPES

export const CONTENT_TYPES = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const

const OPEN_METRICS = 'application/openmetrics-text'
const TEXT = ['text/plain', 'text/*', '*/*']

/** What the client would rather have (RFC 9110 section 12.5.1); OpenMetrics only when it names it. */
export function negotiate(accept = ''): Format {
  const wanted = accept.split(',').map(readRange)
  const quality = (types: readonly string[]) =>
    Math.max(0, ...wanted.filter(({ type }) => types.includes(type)).map(({ q }) => q))
  const open = quality([OPEN_METRICS])
  return open > 0 && open >= quality(TEXT) ? 'openMetrics' : 'text'
}

function readRange(text: string): { readonly type: string; readonly q: number } {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase())
  const q = parameters.find(parameter => parameter.startsWith('q='))
  return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0 }
}

export async function expose(registry: Registry, format: Format): Promise<string> {
  const families = (await registry.getMetricsAsJSON()) as unknown as readonly Family[]
  const text = families.map(family => familyText(family, format)).join('')
  return format === 'openMetrics' ? `${text}# EOF\n` : text
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly Sample[]
}

interface Sample {
  /** Of a histogram's parts. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** OpenMetrics calls a counter's family by its name without _total. */
function familyText({ name, help, type, values }: Family, format: Format): string {
  const family = format === 'openMetrics' && type === 'counter' ? name.replace(/_total$/, '') : name
  let text = `# HELP ${family} ${escaped(help, format === 'openMetrics')}\n# TYPE ${family} ${type}\n`
  for (const { metricName = name, labels, value } of values)
    text += `${metricName}${labelText(labels)} ${numberText(value)}\n`
  return text
}

function labelText(labels: Sample['labels']): string {
  let text = ''
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escaped(String(labels[name]), true)}"`
  return text === '' ? '' : `{${text}}`
}

function escaped(text: string, quotes: boolean): string {
  if (!/[\\\n"]/.test(text)) return text
  const whole = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return quotes ? whole.replaceAll('"', '\\"') : whole
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
