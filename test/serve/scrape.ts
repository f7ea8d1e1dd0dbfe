// SPDX-License-Identifier: Apache-2.0
/** What an agent's /metrics says, read strictly: what a Prometheus would refuse is an error here. */
import type { Lab } from '../../lab/lab.ts'

const METRICS = 10249

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

export interface Scraped {
  readonly contentType: string
  readonly text: string
  readonly families: ReadonlyMap<string, Family>
  /** The sum of all samples with this name and these labels; undefined: there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

export async function scrape(lab: Lab, node = 'node1', accept = '*/*'): Promise<Scraped> {
  const { headers, body } = await get(lab, node, '/metrics', accept)
  const families = readFamilies(body)
  const samples = [...families.values()].flatMap(({ samples }) => samples)
  return {
    contentType: /^content-type: (.*)\r$/im.exec(headers)?.[1] ?? '',
    text: body,
    families,
    value(name, labels = {}) {
      const found = samples.filter(
        sample => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
  }
}

export interface Got {
  readonly status: number
  readonly headers: string
  readonly body: string
}

export async function get(lab: Lab, node: string, path: string, accept = '*/*'): Promise<Got> {
  const url = `http://127.0.0.1:${METRICS}${path}`
  const { stdout } = await lab.exec(node, ['curl', '-si', '--max-time', '5', '-H', `Accept: ${accept}`, url])
  const end = stdout.indexOf('\r\n\r\n')
  const headers = stdout.slice(0, end + 2)
  return { status: Number(headers.split(' ', 2)[1] ?? 0), headers, body: stdout.slice(end + 4) }
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const META = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (NaN|[+-]Inf|[-+0-9.e]+)$`)
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

/** A family's lines stand together: help, type, samples. Its samples have its name, or that and one of the type's endings. */
function readFamilies(text: string): Map<string, Family> {
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>()
  let current = ''
  for (const line of text.trimEnd().split('\n')) {
    if (line === '# EOF') continue
    const [, keyword, name = '', rest = ''] = META.exec(line) ?? []
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`)
      families.set(name, { type: '', help: rest, samples: [] })
      current = name
    } else if (keyword === 'TYPE' && name === current) families.get(current)!.type = rest
    else families.get(current)!.samples.push(readSample(line, current, families.get(current)!.type))
  }
  return families
}

const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  counter: ['', '_total'],
  gauge: [''],
}

function readSample(line: string, family: string, type: string): Sample {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
  if (!ENDINGS[type]?.some(ending => family + ending === name))
    throw new Error(`no sample of ${family} (${type}): ${line}`)
  return { name, labels: readLabels(labels, line), value: Number(value.replace('Inf', 'Infinity')) }
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const found = LABEL.exec(text)
    if (found === null) throw new Error(`labels can't be read: ${line}`)
    labels[found[1]!] = found[2]!.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
  }
  return labels
}
