// SPDX-License-Identifier: Apache-2.0
/**
 * One manifest file: its objects, and what is wrong with it. A file that is no YAML keeps all its objects of before, an object that
 * is wrong keeps itself as it was before, and an unchanged document is never parsed again.
 */
import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import type { Problem } from '../source.ts'
import { type DocumentText, lineOf, parseText, splitDocuments } from './document.ts'
import { showPath } from './issue.ts'
import type { Manifest, ManifestId } from './manifest.ts'
import { readObjects } from './read.ts'

/** An object and where it stands. */
export interface Entry {
  readonly manifest: Manifest
  readonly file: string
  /** Where the document that holds it begins. */
  readonly line: number
}

/** A line in a document, from 1, and a sentence. */
interface Remark {
  readonly severity: Problem['severity']
  readonly id: ManifestId | undefined
  readonly line: number
  readonly message: string
}

interface Document {
  readonly manifests: readonly Manifest[]
  readonly remarks: readonly Remark[]
  /** Of objects that nobody here reads, each with the line of its first. */
  readonly unknownKinds: ReadonlyMap<string, number>
  /** How many blank lines and comments come first. */
  readonly leading: number
  /** It does not parse: nobody knows what it holds. */
  readonly broken: boolean
}

export interface ManifestFile {
  readonly entries: readonly Entry[]
  readonly problems: readonly Problem[]
  /** Kind to "file:line". */
  readonly unknownKinds: ReadonlyMap<string, string>
  /** By the SHA-1 of their text. */
  readonly documents: ReadonlyMap<string, Document>
  /** It holds objects that could never be read. */
  readonly incomplete: boolean
}

export function readManifestFile(file: string, bytes: Buffer, before?: ManifestFile): ManifestFile {
  if (!isUtf8(bytes)) return notText(file, before)
  const documents = new Map<string, Document>()
  const entries: Entry[] = []
  const problems: Problem[] = []
  const unknownKinds = new Map<string, string>()
  const wrong = new Set<ManifestId>()
  let broken = false
  for (const text of splitDocuments(bytes)) {
    const digest = hash('sha1', text.bytes, 'base64')
    const document = documents.get(digest) ?? before?.documents.get(digest) ?? readDocument(text)
    documents.set(digest, document)
    broken ||= document.broken
    const where = (line: number) => `${file}:${text.line + line - 1}`
    for (const manifest of document.manifests) entries.push({ manifest, file, line: text.line + document.leading })
    for (const { id, severity, line, message } of document.remarks) {
      problems.push({ severity, where: where(line), message })
      if (id !== undefined && severity === 'error') wrong.add(id)
    }
    for (const [kind, line] of document.unknownKinds) if (!unknownKinds.has(kind)) unknownKinds.set(kind, where(line))
  }
  if (broken && before) return { ...before, problems, unknownKinds }
  const kept = lastGood(wrong, entries, before)
  const incomplete = broken || kept.length < wrong.size
  return { entries: [...entries, ...kept], problems, unknownKinds, documents, incomplete }
}

/** YAML 1.2.2 §5.2 has UTF-16 and -32, too; Kubernetes does not. */
function notText(file: string, before?: ManifestFile): ManifestFile {
  const message = `not UTF-8: save it in that encoding. ${NOT_YAML}`
  const problems: Problem[] = [{ severity: 'error', where: file, message }]
  if (before) return { ...before, problems }
  return { entries: [], problems, unknownKinds: new Map(), documents: new Map(), incomplete: true }
}

/** What the wrong objects were when they were last right. */
function lastGood(wrong: ReadonlySet<ManifestId>, entries: readonly Entry[], before?: ManifestFile): readonly Entry[] {
  if (wrong.size === 0 || before === undefined) return []
  const right = new Set(entries.map(({ manifest }) => manifest.id))
  return before.entries.filter(({ manifest: { id } }) => wrong.has(id) && !right.has(id))
}

function readDocument({ bytes }: DocumentText): Document {
  const text = bytes.toString('utf8')
  const manifests: Manifest[] = []
  const remarks: Remark[] = []
  const unknownKinds = new Map<string, number>()
  const leading = (/^(?:[ \t\r]*(?:#.*)?\n)*/.exec(text)?.[0].match(/\n/g) ?? []).length
  const parsed = parseText(text)
  if ('error' in parsed) {
    const { line, message } = parsed.error
    remarks.push({ severity: 'error', id: undefined, line, message: `not valid YAML: ${message}. ${NOT_YAML}` })
    return { manifests, remarks, unknownKinds, leading, broken: true }
  }
  readObjects(parsed.value, {
    onManifest: manifest => manifests.push(manifest),
    onFault: ({ severity, id, path, message }) => {
      remarks.push({ severity, id, line: lineOf(text, path), message: sentence(id, showPath(fieldOf(path)), message) })
    },
    onUnknownKind: (kind, path) => {
      if (!unknownKinds.has(kind)) unknownKinds.set(kind, lineOf(text, path))
    },
  })
  return { manifests, remarks, unknownKinds, leading, broken: false }
}

const NOT_YAML = 'Until it is mended, the file counts as it was when it was last valid'

/** The path inside the object: without the List around it. */
function fieldOf(path: readonly (string | number)[]): readonly (string | number)[] {
  let start = 0
  while (path[start] === 'items' && typeof path[start + 1] === 'number') start += 2
  return path.slice(start)
}

function sentence(id: ManifestId | undefined, field: string, message: string): string {
  const subject = [id, field].filter(Boolean).join(': ')
  if (subject === '') return message
  return /^(is|has|may) /.test(message) ? `${subject} ${message}` : `${subject}: ${message}`
}
