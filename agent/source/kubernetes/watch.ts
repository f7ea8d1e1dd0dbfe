// SPDX-License-Identifier: Apache-2.0
/** One watch: from a version on, or from all that there is on, until the server or the connection ends it. */
import type { Answer, ApiServer, Query } from './api-server.ts'
import { Ignored, Nonsense, Refusal } from './failure.ts'
import { createInitial } from './initial.ts'
import type { Listed } from './list.ts'
import { isMapping, type Raw } from './raw.ts'
import { type Item, type Resource, readItem } from './resource.ts'
import type { Times } from './times.ts'

export interface WatchOptions<T> {
  readonly server: ApiServer
  readonly resource: Resource<T>
  /** Undefined: all that there is comes first, as one list (sendInitialEvents, KEP-3157; Kubernetes 1.27 and newer). */
  readonly version: string | undefined
  readonly times: Times
  readonly signal: AbortSignal
  /** All that there is has come. */
  readonly onListed: (listed: Listed<T>) => void
  /** The server watches; all that there is has come, if it was to come. */
  readonly onBegin: () => void
  readonly onPut: (item: Item<T>) => void
  readonly onDelete: (item: Item<T>) => void
  /** Everything up to this version has been told. */
  readonly onBookmark: (version: string) => void
}

/**
 * Resolves when the watch has ended: true by the server, false by the connection or by silence. Rejects with a Refusal (the server
 * would not, or ends it with an ERROR), Nonsense, or the connection's error when it never began; with an error, too, when it has
 * ended before all had come that there is.
 */
export async function watch<T>(options: WatchOptions<T>): Promise<boolean> {
  const { server, resource, times, signal } = options
  const answer = await server.get(resource.path, queryOf(options), signal)
  const told = tellerOf(options)
  if (options.version !== undefined) {
    options.onBegin()
    return follow(answer, times.idle, frame => told(eventOf(resource, frame)))
  }
  return followInitial(options, answer, told)
}

function queryOf<T>({ resource, version, times }: WatchOptions<T>): Query {
  const from =
    version === undefined
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion: version }
  const seconds = Math.round(times.watchSeconds * (1 + Math.random()))
  const base = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) }
  return { ...resource.selector, ...base, ...from }
}

type Told<T> = (event: WatchEvent<T>) => void

/** The same watch goes on when all has come. */
async function followInitial<T>(options: WatchOptions<T>, answer: Answer, told: Told<T>): Promise<boolean> {
  const { resource, times, onListed, onBegin } = options
  const initial = createInitial<T>()
  const late = new Ignored(`not all that there is came within ${times.initialEvents / 1_000} s`)
  const limit = setTimeout(() => answer.response.destroy(late), times.initialEvents)
  const byServer = await follow(answer, times.idle, frame => {
    const event = eventOf(resource, frame)
    if (initial.isWhole()) return told(event)
    const listed = initial.take(event)
    if (listed === undefined) return
    clearTimeout(limit)
    onListed(listed)
    onBegin()
  }).finally(() => clearTimeout(limit))
  if (initial.isWhole()) return byServer
  const { errored } = answer.response
  throw errored === late ? late : new Error('the watch ended before all had come that there is')
}

async function follow(
  { response, encoding }: Answer,
  idleMs: number,
  onFrame: (frame: unknown) => void,
): Promise<boolean> {
  const split = encoding.createSplitter()
  const timer = setTimeout(() => response.destroy(), idleMs)
  try {
    for await (const chunk of chunksOf(response)) {
      timer.refresh()
      for (const frame of split(chunk)) onFrame(frame)
    }
    return response.complete
  } finally {
    clearTimeout(timer)
    response.destroy()
  }
}

/** A connection that breaks ends them: what came before stands. */
async function* chunksOf(response: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch(() => undefined)
    if (next === undefined || next.done) return
    yield next.value
  }
}

export type WatchEvent<T> =
  | { readonly type: 'put' | 'delete'; readonly item: Item<T> }
  /** `isEnd`: all that there is has come. */
  | { readonly type: 'bookmark'; readonly version: string; readonly isEnd: boolean }

/** Throws Nonsense, and a Refusal for an ERROR. */
function eventOf<T>(resource: Resource<T>, frame: unknown): WatchEvent<T> {
  if (!isMapping(frame) || !isMapping(frame.object)) throw nonsense(frame)
  const { type, object } = frame
  if (type === 'ADDED' || type === 'MODIFIED') return { type: 'put', item: readItem(resource, object) }
  if (type === 'DELETED') return { type: 'delete', item: readItem(resource, object) }
  if (type === 'BOOKMARK') return bookmarkOf(object)
  if (type === 'ERROR') throw new Refusal(Number(object.code) || 500, object)
  throw nonsense(frame)
}

function bookmarkOf(object: Raw): WatchEvent<never> {
  const { resourceVersion: version, annotations } = isMapping(object.metadata) ? object.metadata : {}
  if (typeof version !== 'string' || version === '') throw nonsense(object)
  return { type: 'bookmark', version, isEnd: isMapping(annotations) && annotations[END] === 'true' }
}

const END = 'k8s.io/initial-events-end'

function tellerOf<T>({ onPut, onDelete, onBookmark }: WatchOptions<T>): Told<T> {
  return event => {
    if (event.type === 'bookmark') onBookmark(event.version)
    else if (event.type === 'put') onPut(event.item)
    else onDelete(event.item)
  }
}

function nonsense(frame: unknown): Nonsense {
  return new Nonsense('is no event of a watch', JSON.stringify(frame) ?? '')
}
