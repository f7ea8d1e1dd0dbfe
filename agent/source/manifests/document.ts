// SPDX-License-Identifier: Apache-2.0
/** The documents of a manifest file: found, parsed, and searched for the line of a field. */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type YAMLParseError } from 'yaml'
import type { Path } from './issue.ts'
import { parsePlainYaml } from './plain-yaml.ts'

export interface DocumentText {
  readonly bytes: Buffer
  /** Of its first line in the file, from 1. */
  readonly line: number
}

/** Where and why a document is not YAML; the line counts from the document's first, 1. */
export interface SyntaxProblem {
  readonly line: number
  readonly message: string
}

export type Parsed = { readonly value: unknown } | { readonly error: SyntaxProblem }

const NEWLINE = 0x0a

/** Splits at lines that begin with "---" or "...": markers that no scalar can hold at the start of a line (YAML 1.2.2 §9.1.2). */
export function splitDocuments(file: Buffer): readonly DocumentText[] {
  const documents: DocumentText[] = []
  let start = file.subarray(0, 3).toString('latin1') === '\xef\xbb\xbf' ? 3 : 0
  let first = 1
  let line = 1
  for (let at = start; at < file.length; at = endOfLine(file, at), line++) {
    if (!isMarker(file, at)) continue
    documents.push({ bytes: file.subarray(start, at), line: first })
    start = at + 3
    first = line
  }
  documents.push({ bytes: file.subarray(start), line: first })
  return documents.filter(({ bytes }) => !isBlank(bytes))
}

function endOfLine(file: Buffer, at: number): number {
  const end = file.indexOf(NEWLINE, at)
  return end < 0 ? file.length : end + 1
}

function isMarker(file: Buffer, at: number): boolean {
  const mark = file[at]
  if ((mark !== 0x2d && mark !== 0x2e) || file[at + 1] !== mark || file[at + 2] !== mark) return false
  const next = file[at + 3]
  return next === undefined || next === NEWLINE || next === 0x20 || next === 0x09 || next === 0x0d
}

/** Nothing but blanks, comments and %directives. */
function isBlank(bytes: Buffer): boolean {
  const content = /^[ \t\r]*[^\s#%]/m
  return !content.test(bytes.toString('latin1', 0, 256)) && !content.test(bytes.toString('latin1'))
}

export function parseText(text: string): Parsed {
  try {
    return parseJson(text) ?? parsePlain(text) ?? parseWithYaml(text)
  } catch (error) {
    // All three call themselves for what is inside.
    const message = error instanceof RangeError ? 'it is nested too deeply' : messageOf(error)
    return { error: { line: 1, message } }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function parseJson(text: string): Parsed | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    return { value: JSON.parse(text) }
  } catch {
    // A flow mapping of YAML, perhaps; if not, the yaml package says where it is wrong.
    return undefined
  }
}

function parsePlain(text: string): Parsed | undefined {
  const value = parsePlainYaml(text)
  return value === undefined ? undefined : { value }
}

function parseWithYaml(text: string): Parsed {
  const document = parseDocument(text, { logLevel: 'silent' })
  const [error] = document.errors
  return error ? { error: syntaxProblem(error) } : { value: document.toJS({ maxAliasCount: 100 }) }
}

function syntaxProblem(error: YAMLParseError): SyntaxProblem {
  const [message = error.message] = error.message.split('\n')
  const line = error.linePos?.[0].line ?? 1
  return { line, message: message.replace(/ at line \d+, column \d+:?$/, '') }
}

/** The line, from 1, of the field at this path or of what stands nearest around it. Slow: only for messages. */
export function lineOf(text: string, path: Path): number {
  try {
    return findLine(text, path)
  } catch {
    return 1
  }
}

function findLine(text: string, path: Path): number {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent', uniqueKeys: false })
  let node: unknown = document.contents
  let offset = offsetOf(node) ?? 0
  for (const step of path) {
    const [at, child] = childOf(node, step)
    if (at === undefined) break
    offset = at
    node = child
  }
  return lines.linePos(offset).line
}

/** Where a field begins (a mapping's field: its key), and its value. */
function childOf(node: unknown, step: string | number): readonly [number | undefined, unknown] {
  if (isSeq(node) && typeof step === 'number') return [offsetOf(node.items[step]), node.items[step]]
  if (!isMap(node)) return [undefined, undefined]
  const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === String(step))
  return [offsetOf(pair?.key), pair?.value]
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
