// SPDX-License-Identifier: Apache-2.0
/** How an answer is written: asked for with Accept, told by its Content-Type. */
import type { IncomingMessage } from 'node:http'
import { createSplitter, parseJson } from './frames.ts'
import { createJsonListReader, type ListReader } from './list-reader.ts'
import { createProtobufListReader, createProtobufSplitter, parseProtobuf } from './protobuf.ts'

export interface Encoding {
  /** A whole answer that is no list: a Status. Throws Nonsense. */
  readonly parse: (bytes: Buffer) => unknown
  /** For one list. */
  readonly createListReader: () => ListReader
  /** For one watch: takes the next chunk, gives the events that it completes; look at all of them. Throws Nonsense. */
  readonly createSplitter: () => (chunk: Buffer) => Iterable<unknown>
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const JSON_ALONE = 'application/json'

const protobuf: Encoding = {
  parse: parseProtobuf,
  createListReader: createProtobufListReader,
  createSplitter: createProtobufSplitter,
}
const json: Encoding = {
  parse: bytes => parseJson(bytes.toString('utf8')),
  createListReader: createJsonListReader,
  createSplitter,
}

export function encodingOf({ headers }: IncomingMessage): Encoding {
  return headers['content-type']?.startsWith(PROTOBUF) ? protobuf : json
}

/** What is asked for, by path: protobuf before JSON, until one of the two sides can't do with it. */
export interface Acceptance {
  readonly headerFor: (path: string) => string
  /** False: it was JSON alone already. */
  readonly fallBack: (path: string) => boolean
}

export function createAcceptance(): Acceptance {
  const jsonAlone = new Set<string>()
  return {
    headerFor: path => (jsonAlone.has(path) ? JSON_ALONE : `${PROTOBUF}, ${JSON_ALONE}`),
    fallBack(path) {
      if (jsonAlone.has(path)) return false
      jsonAlone.add(path)
      return true
    },
  }
}
