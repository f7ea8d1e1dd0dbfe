// SPDX-License-Identifier: Apache-2.0
/**
 * The YAML that kubectl prints and most people write, read fast: block mappings and sequences of scalars on one line, and flow
 * collections on one line. Whatever else a document holds (anchors, tags, block scalars, tabs, keys of other shapes, mistakes)
 * makes the answer undefined, and the yaml package, some 40 times slower, reads it or says what is wrong.
 */
import { FlowReader, NOT_PLAIN, plainScalar, quotedEnd } from './plain-scalar.ts'

interface Lines {
  /** Of each line that is neither blank nor a comment: how far it is indented, and the rest. */
  readonly indents: readonly number[]
  readonly texts: readonly string[]
  at: number
}

const KEY = /^([A-Za-z_][\w./-]*):(?: +|$)/
/** Keys that YAML reads as null or a boolean. */
const ODD_KEY = /^(__proto__|null|true|false)$/i

/** The document's value, or undefined when this reader can't be sure of it. */
export function parsePlainYaml(text: string): unknown {
  const lines = splitLines(text)
  if (lines === undefined) return undefined
  if (lines.texts.length === 0) return null
  const value = readBlock(lines, lines.indents[0] ?? 0)
  return lines.at === lines.texts.length && value !== NOT_PLAIN ? value : undefined
}

function splitLines(text: string): Lines | undefined {
  if (/[\t\r\0\u0085\u2028\u2029\ufeff]/.test(text)) return undefined
  const indents: number[] = []
  const texts: string[] = []
  for (const line of text.split('\n')) {
    let indent = 0
    while (line.charCodeAt(indent) === 0x20) indent++
    if (indent === line.length || line[indent] === '#') continue
    indents.push(indent)
    texts.push(indent === 0 ? line : line.slice(indent))
  }
  return { indents, texts, at: 0 }
}

/** A mapping or sequence whose items begin at this column. */
function readBlock(lines: Lines, indent: number): unknown {
  const text = lines.texts[lines.at] ?? ''
  if (isItem(text)) return readSequence(lines, indent)
  return KEY.test(text) ? readMapping(lines, indent) : NOT_PLAIN
}

function isItem(text: string): boolean {
  return text === '-' || text.startsWith('- ')
}

function readSequence(lines: Lines, indent: number): unknown {
  const items: unknown[] = []
  while (lines.indents[lines.at] === indent && isItem(lines.texts[lines.at] ?? '')) {
    const item = readItem(lines, indent, lines.texts[lines.at] ?? '')
    if (item === NOT_PLAIN) return NOT_PLAIN
    items.push(item)
  }
  return items
}

function readItem(lines: Lines, indent: number, text: string): unknown {
  let start = 1
  while (text.charCodeAt(start) === 0x20) start++
  const rest = text.slice(start)
  if (rest === '' || rest.startsWith('#')) return NOT_PLAIN
  if (!isItem(rest) && !KEY.test(rest)) return readScalarLine(lines, indent, rest)
  // "- name: web": a block of its own that begins on this line, at the column of "name".
  const inner = lines as { indents: number[]; texts: string[]; at: number }
  inner.indents[lines.at] = indent + start
  inner.texts[lines.at] = rest
  const value = readBlock(lines, indent + start)
  return (lines.indents[lines.at] ?? 0) > indent ? NOT_PLAIN : value
}

function readMapping(lines: Lines, indent: number): unknown {
  const mapping: Record<string, unknown> = {}
  while (lines.indents[lines.at] === indent) {
    const text = lines.texts[lines.at] ?? ''
    const match = KEY.exec(text)
    const key = match?.[1]
    if (match === null || key === undefined || ODD_KEY.test(key) || Object.hasOwn(mapping, key)) return NOT_PLAIN
    const rest = text.slice(match[0].length)
    const value = rest === '' || rest.startsWith('#') ? readUnder(lines, indent) : readScalarLine(lines, indent, rest)
    if (value === NOT_PLAIN) return NOT_PLAIN
    mapping[key] = value
  }
  return (lines.indents[lines.at] ?? 0) > indent ? NOT_PLAIN : mapping
}

/** The value of a key with nothing behind it: the deeper block below, a sequence at the key's own column, or null. */
function readUnder(lines: Lines, indent: number): unknown {
  lines.at++
  const below = lines.indents[lines.at]
  if (below === undefined || below < indent) return null
  if (below > indent) return readBlock(lines, below)
  return isItem(lines.texts[lines.at] ?? '') ? readSequence(lines, indent) : null
}

/** A scalar or flow collection that ends on its line. */
function readScalarLine(lines: Lines, indent: number, text: string): unknown {
  lines.at++
  if ((lines.indents[lines.at] ?? 0) > indent) return NOT_PLAIN
  const first = text[0]
  if (first === '[' || first === '{') return new FlowReader(text).whole()
  if (first !== '"' && first !== "'") return plainScalar(text)
  const end = quotedEnd(text, 0)
  return end > 0 && /^ *( #.*)?$/.test(text.slice(end)) ? text.slice(1, end - 1) : NOT_PLAIN
}
