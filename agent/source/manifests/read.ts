// SPDX-License-Identifier: Apache-2.0
/** From a parsed document to the objects in it: Lists opened, kinds told apart, each object checked by its schema. */
import type { z } from 'zod'
import { type Issue, issueOf, type Path, show } from './issue.ts'
import type { Kind, Manifest, ManifestId } from './manifest.ts'
import { endpointsSchema, readEndpoints } from './mirror.ts'
import { nodeSchema, readNode } from './node.ts'
import { podSchema, readPod } from './pod.ts'
import { readService, serviceSchema } from './service.ts'
import { readSlice, sliceSchema } from './slice.ts'

/** Something wrong with one object. */
export interface Fault extends Issue {
  readonly severity: 'error' | 'warning'
  /** Undefined when the object does not say what it is. */
  readonly id: ManifestId | undefined
}

/** Told of each thing found in a document. */
export interface Reader {
  readonly onManifest: (manifest: Manifest) => void
  readonly onFault: (fault: Fault) => void
  readonly onUnknownKind: (kind: string, path: Path) => void
}

type Raw = Readonly<Record<string, unknown>>

interface Schema {
  readonly apiVersion: string
  readonly namespaced: boolean
  /** Undefined: `issues` has been given why. */
  readonly read: (raw: unknown, namespace: string, issues: Issue[]) => Manifest['value'] | undefined
}

function schema<S extends z.ZodType>(
  apiVersion: string,
  namespaced: boolean,
  type: S,
  convert: (raw: z.infer<S>, namespace: string) => Manifest['value'],
): Schema {
  const read: Schema['read'] = (raw, namespace, issues) => {
    const parsed = type.safeParse(raw, { reportInput: true })
    if (parsed.success) return convert(parsed.data, namespace)
    issues.push(...parsed.error.issues.map(issueOf))
    return undefined
  }
  return { apiVersion, namespaced, read }
}

const SCHEMAS: Readonly<Record<Kind, Schema>> = {
  Service: schema('v1', true, serviceSchema, readService),
  EndpointSlice: schema('discovery.k8s.io/v1', true, sliceSchema, readSlice),
  Endpoints: schema('v1', true, endpointsSchema, readEndpoints),
  Pod: schema('v1', true, podSchema, readPod),
  Node: schema('v1', false, nodeSchema, readNode),
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(SCHEMAS, kind)
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function readObjects(value: unknown, reader: Reader): void {
  if (value !== null) readAny(value, [], reader, undefined)
}

/** `list`: what the items of a List are when the API leaves it out of them ("ServiceList"). */
function readAny(value: unknown, path: Path, reader: Reader, list: Raw | undefined): void {
  if (!isObject(value)) {
    refuse(reader, path, `${show(value)} is not a Kubernetes object: give fields such as apiVersion, kind, metadata`)
    return
  }
  const kind = value.kind ?? list?.kind
  const apiVersion = value.apiVersion ?? list?.apiVersion
  const items = value.items
  if (typeof kind !== 'string' || kind === '') {
    refuse(reader, [...path, 'kind'], 'is missing: name the kind of object')
  } else if (typeof apiVersion !== 'string' || apiVersion === '') {
    refuse(reader, [...path, 'apiVersion'], `is missing: a ${kind} needs one, such as v1`)
  } else if (kind.endsWith('List') && (Array.isArray(items) || items === null)) {
    const implied = kind === 'List' ? undefined : { kind: kind.slice(0, -4), apiVersion }
    for (const [i, item] of (items ?? []).entries()) readAny(item, [...path, 'items', i], reader, implied)
  } else readObject(value, kind, apiVersion, path, reader)
}

function refuse(reader: Reader, path: Path, message: string, id?: ManifestId): void {
  reader.onFault({ severity: 'error', id, path, message })
}

function readObject(raw: Raw, kind: string, apiVersion: string, path: Path, reader: Reader): void {
  if (!isKind(kind)) reader.onUnknownKind(kind, path)
  else if (apiVersion === SCHEMAS[kind].apiVersion) readKnown(raw, kind, path, reader)
  else if (groupOf(apiVersion) !== groupOf(SCHEMAS[kind].apiVersion)) {
    reader.onUnknownKind(`${kind} of ${apiVersion}`, path)
  } else {
    const message = `${apiVersion} is not read for ${kind}: convert it to ${SCHEMAS[kind].apiVersion}`
    refuse(reader, [...path, 'apiVersion'], message)
  }
}

function readKnown(raw: Raw, kind: Kind, path: Path, reader: Reader): void {
  const namespace = namespaceOf(raw)
  const id = idOf(raw, kind, SCHEMAS[kind].namespaced ? namespace : undefined)
  const issues: Issue[] = []
  const value = SCHEMAS[kind].read(raw, namespace, issues)
  for (const issue of issues) refuse(reader, [...path, ...issue.path], issue.message, id)
  if (value === undefined || id === undefined) return
  reader.onManifest({ kind, id, value } as Manifest)
  if (kind === 'Pod' && raw.status == null) reader.onFault({ severity: 'warning', id, path, message: NO_STATUS })
}

const NO_STATUS = "has no status: give status.podIPs and the condition Ready, or it is nobody's endpoint"

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

function namespaceOf(raw: Raw): string {
  const metadata = raw.metadata
  const namespace = isObject(metadata) ? metadata.namespace : undefined
  return typeof namespace === 'string' && namespace !== '' ? namespace : 'default'
}

function idOf(raw: Raw, kind: Kind, namespace: string | undefined): ManifestId | undefined {
  const metadata = raw.metadata
  const name = isObject(metadata) ? metadata.name : undefined
  if (typeof name !== 'string') return undefined
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`
}
