// SPDX-License-Identifier: Apache-2.0
/**
 * The user's files: topology documents and Pods that the lab shall run are taken out, everything else goes to the agents as
 * it was written, with the same line numbers.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Document, isNode, LineCounter, parseAllDocuments } from 'yaml'
import { errorCode, LabError } from './error.ts'
import { TOPOLOGY_KIND } from './names.ts'

export interface FoundDocument {
  readonly value: Readonly<Record<string, unknown>>
  /** "lab.yaml:12" of a field. */
  readonly locate: (path: readonly PropertyKey[]) => string
}

export interface UserInput {
  readonly topologies: readonly FoundDocument[]
  /** Pods without a status: not running anywhere yet. */
  readonly pods: readonly FoundDocument[]
  /** What remains for the agents, by file name. */
  readonly manifests: Readonly<Record<string, string>>
}

const MAY_BE_OURS = new RegExp(`\\bkind\\b.*\\b(Pod|${TOPOLOGY_KIND})\\b`)
const MANIFEST = /\.(ya?ml|json)$/

export async function readInput(paths: readonly string[]): Promise<UserInput> {
  const files = (await Promise.all(paths.map(listFiles))).flat()
  const inputs = await Promise.all(files.map(async path => splitFile(basename(path), await readFile(path, 'utf8'))))
  return mergeInputs(inputs)
}

async function listFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch(error => {
    if (errorCode(error) === 'ENOENT') throw new LabError(`${path}: no such file or folder`)
    throw error
  })
  if (!info.isDirectory()) return [path]
  const names = (await readdir(path)).filter(name => MANIFEST.test(name)).toSorted()
  return names.map(name => join(path, name))
}

function mergeInputs(inputs: readonly UserInput[]): UserInput {
  const manifests: Record<string, string> = {}
  for (const [name, text] of inputs.flatMap(input => Object.entries(input.manifests))) {
    if (name in manifests) throw new LabError(`${name}: two of the files have this name; rename one`)
    manifests[name] = text
  }
  return {
    topologies: inputs.flatMap(({ topologies }) => topologies),
    pods: inputs.flatMap(({ pods }) => pods),
    manifests,
  }
}

/** Takes one file apart. A file that does not parse goes to the agents whole: they say what is wrong with it. */
export function splitFile(name: string, text: string): UserInput {
  const untouched = { topologies: [], pods: [], manifests: { [name]: text } }
  // Most files have neither, and big ones take seconds to parse.
  if (!MAY_BE_OURS.test(text)) return untouched
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines })
  if ('empty' in documents || documents.some(({ errors }) => errors.length > 0)) return untouched
  const found = documents.map(document => ({ document, ...describe(name, document, lines) }))
  const topologies = found.filter(({ value }) => value?.kind === TOPOLOGY_KIND)
  const pods = found.filter(({ value }) => isUnplacedPod(value))
  const taken = found.filter(one => topologies.includes(one) || pods.includes(one))
  // From the last on, so that the offsets of those before stay true.
  const rest = taken.reduceRight((rest, { document }) => blank(rest, document), text)
  const manifests: Record<string, string> = taken.length === documents.length ? {} : { [name]: rest }
  return { topologies, pods, manifests }
}

function describe(name: string, document: Document.Parsed, lines: LineCounter): FoundDocument {
  const start = document.contents?.range?.[0] ?? 0
  const locate = (path: readonly PropertyKey[]) => `${name}:${lines.linePos(offsetOf(document, path) ?? start).line}`
  return { value: document.toJS() ?? {}, locate }
}

/** Where a field begins; of a field that is missing, its nearest parent that is there. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return undefined
}

function isUnplacedPod(value: Readonly<Record<string, unknown>> | null): boolean {
  return value?.kind === 'Pod' && value.status === undefined
}

/** Erases a document but for its line ends, so that the others keep their line numbers. */
function blank(text: string, document: Document.Parsed): string {
  const [start, , end] = document.contents?.range ?? document.range
  return text.slice(0, start) + text.slice(start, end).replaceAll(/[^\n]/g, '') + text.slice(end)
}
