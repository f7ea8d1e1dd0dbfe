// SPDX-License-Identifier: Apache-2.0
/**
 * application/vnd.kubernetes.protobuf: objects behind a magic number and in an envelope that names their kind, and watches of
 * frames with their length before them. What comes out has the shape that JSON has, but for Time and IntOrString (see raw.ts).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import { Undecodable } from './failure.ts'
import { createFramer } from './frames.ts'
import type { ListReader } from './list-reader.ts'
import { isMapping, type Raw } from './raw.ts'

const MAGIC = Buffer.from('k8s\0', 'latin1')

/** Parsed at the start: 4 ms, and no generated file that could differ. */
const { root } = protobuf.parse(readFileSync(join(import.meta.dirname, 'kubernetes.proto'), 'utf8'))
const KINDS = ['Service', 'ServiceList', 'EndpointSlice', 'EndpointSliceList', 'Node', 'NodeList', 'Status']
const byKind = new Map(KINDS.map(kind => [kind, root.lookupType(kind)]))
const envelope = root.lookupType('Unknown')
const event = root.lookupType('WatchEvent')

/** An object with its kind. Throws Nonsense. */
export function parseProtobuf(bytes: Buffer): Raw {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw nonsense('is not protobuf of Kubernetes', bytes)
  const { typeMeta, raw, contentEncoding } = decode(envelope, bytes.subarray(MAGIC.length))
  const kind = isMapping(typeMeta) ? typeMeta.kind : undefined
  const type = byKind.get(String(kind))
  if (type === undefined || contentEncoding) throw nonsense(`is protobuf of the kind ${JSON.stringify(kind)}`, bytes)
  return { ...decode(type, bytesOf(raw)), kind }
}

/** Items are decoded one by one: as objects they are several times as large. */
export function createProtobufListReader(): ListReader {
  const chunks: Buffer[] = []
  return {
    take(chunk) {
      chunks.push(chunk)
      return []
    },
    end() {
      const { items, ...body } = parseProtobuf(Buffer.concat(chunks.splice(0)))
      const type = byKind.get(String(body.kind).replace(/List$/, ''))
      return { body, items: type && Array.isArray(items) ? decodeEach(type, items) : [] }
    },
  }
}

function* decodeEach(type: protobuf.Type, items: readonly Buffer[]): Generator<Raw> {
  for (const item of items) yield decode(type, item)
}

/** Takes the next chunk of a watch, gives the events that it completes, decoded one by one. Throws Nonsense. */
export function createProtobufSplitter(): (chunk: Buffer) => Iterable<Raw> {
  const split = createFramer()
  return function* (chunk) {
    for (const frame of split(chunk)) yield parseEvent(frame)
  }
}

function parseEvent(frame: Buffer): Raw {
  const { type, object } = decode(event, frame)
  return { type, object: parseProtobuf(bytesOf(isMapping(object) ? object.raw : undefined)) }
}

function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

function decode(type: protobuf.Type, bytes: Buffer): Raw {
  const reader = protobuf.Reader.create(bytes)
  // Else each message would keep the bytes of all fields that it does not know.
  reader.discardUnknown = true
  try {
    return type.decode(reader) as unknown as Raw
  } catch {
    throw nonsense(`is no ${type.name} in protobuf`, bytes)
  }
}

function nonsense(what: string, bytes: Buffer): Undecodable {
  return new Undecodable(what, bytes.subarray(0, 100).toString('latin1'))
}
