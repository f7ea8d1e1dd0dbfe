// SPDX-License-Identifier: Apache-2.0
/**
 * Renders our Helm chart without Helm: of Go's templates just what the chart uses, with the same meaning, and an error for anything
 * else. {{ pipeline }}, {{ if pipeline }}, {{ end }}; {{- and -}} trim; quote, default, toYaml, nindent.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'

type Value = unknown
type Scope = Readonly<Record<string, Value>>

export interface Release {
  readonly namespace: string
  /** Put over values.yaml, folder by folder. */
  readonly values?: Scope
}

/** All objects of the chart, as YAML documents. Throws an Error that names file and construct. */
export function renderChart(folder: string, { namespace, values = {} }: Release): string {
  const read = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
  const { name, appVersion, version } = parse(read('Chart.yaml'))
  const scope = {
    Values: merged(parse(read('values.yaml')), values),
    Release: { Namespace: namespace, Name: name },
    Chart: { Name: name, AppVersion: appVersion, Version: version },
  }
  const files = readdirSync(join(folder, 'templates')).toSorted()
  return files.map(file => `---\n# Source: ${file}\n${render(read('templates', file), scope, file)}`).join('')
}

function merged(base: Scope, over: Scope): Scope {
  const entries = Object.entries(over).map(([key, value]) => {
    const old = base[key]
    return [key, isScope(old) && isScope(value) ? merged(old, value) : value]
  })
  return { ...base, ...Object.fromEntries(entries) }
}

function isScope(value: Value): value is Scope {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Text, then what stands in the braces after it; at the end none. */
interface Piece {
  readonly text: string
  readonly action?: string
}

export function render(template: string, scope: Scope, file: string): string {
  // Whether each open {{ if }} holds.
  const open: boolean[] = []
  let out = ''
  for (const { text, action } of pieces(template)) {
    if (!open.includes(false)) out += text
    if (action === undefined) break
    const [, condition] = /^if (.*)$/.exec(action) ?? []
    if (condition !== undefined) open.push(!open.includes(false) && truth(pipeline(condition, scope, file)))
    else if (action === 'end') {
      if (open.pop() === undefined) throw new Error(`${file}: {{ end }} without {{ if }}`)
    } else if (!open.includes(false)) out += String(pipeline(action, scope, file))
  }
  if (open.length > 0) throw new Error(`${file}: {{ if }} without {{ end }}`)
  return out
}

function pieces(template: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  let trim = false
  for (const match of template.matchAll(/\{\{(-?)\s*(.*?)\s*(-?)\}\}/g)) {
    const [whole, before, action, after] = match
    found.push({ text: trimmed(template.slice(at, match.index), trim, before === '-'), action: action ?? '' })
    at = match.index + whole.length
    trim = after === '-'
  }
  return [...found, { text: trimmed(template.slice(at), trim, false) }]
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.trimStart() : text
  return end ? left.trimEnd() : left
}

/** As Go has it: empty text, 0, false, nothing and empty collections are false. */
function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  return isScope(value) ? Object.keys(value).length > 0 : Boolean(value)
}

type Function = (value: Value, argument: Value) => Value

const FUNCTIONS: Readonly<Record<string, Function>> = {
  quote: value => JSON.stringify(String(value)),
  default: (value, preset) => (truth(value) ? value : preset),
  toYaml: value => stringify(value, { sortMapEntries: true, indentSeq: false, lineWidth: 0 }).trimEnd(),
  nindent: (value, spaces) => `\n${String(value).replace(/^(?=.)/gm, ' '.repeat(Number(spaces)))}`,
}

/** "toYaml .Values.x | nindent 4": the value of a step is the last argument of the next. */
function pipeline(text: string, scope: Scope, file: string): Value {
  const [first = '', ...rest] = text.split('|').map(step => step.trim().split(/\s+/))
  const [head = '', argument] = first
  const start =
    argument === undefined ? term(head, scope, file) : call(head, term(argument, scope, file), undefined, file)
  return rest.reduce<Value>((value, [name = '', argument]) => {
    return call(name, value, argument === undefined ? undefined : term(argument, scope, file), file)
  }, start)
}

function call(name: string, value: Value, argument: Value, file: string): Value {
  const known = FUNCTIONS[name]
  if (known === undefined) throw new Error(`${file}: scripts/chart.ts does not know the function ${name}`)
  return known(value, argument)
}

/** A number, or a path that must be there: ".Values.image.tag". */
function term(text: string, scope: Scope, file: string): Value {
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^(?:\.\w+)+$/.test(text)) throw new Error(`${file}: scripts/chart.ts does not know {{ ${text} }}`)
  return text
    .slice(1)
    .split('.')
    .reduce<Value>((value, key) => {
      if (!isScope(value) || !(key in value)) throw new Error(`${file}: there is no ${text}`)
      return value[key]
    }, scope)
}
