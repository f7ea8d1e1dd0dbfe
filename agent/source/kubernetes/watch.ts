// SPDX-License-Identifier: Apache-2.0
/** One watch: from a version on, until the server or the connection ends it. */
import type { IncomingMessage } from 'node:http'
import type { ApiServer } from './api-server.ts'
import { Nonsense, Refusal } from './failure.ts'
import { createSplitter } from './frames.ts'
import { isMapping, type Raw } from './raw.ts'
import { type Item, type Resource, readItem } from './resource.ts'
import type { Times } from './times.ts'

export interface WatchOptions<T> {
  readonly server: ApiServer
  readonly resource: Resource<T>
  readonly version: string
  readonly times: Times
  readonly signal: AbortSignal
  /** The server watches. */
  readonly onBegin: () => void
  readonly onPut: (item: Item<T>) => void
  readonly onDelete: (item: Item<T>) => void
  /** Everything up to this version has been told. */
  readonly onBookmark: (version: string) => void
}

/**
 * Resolves when the watch has ended: true by the server, false by the connection or by silence. Rejects with a Refusal (the server
 * would not, or ends it with an ERROR), Nonsense, or the connection's error when it never began.
 */
export async function watch<T>(options: WatchOptions<T>): Promise<boolean> {
  const { server, resource, version, times, signal } = options
  const seconds = Math.round(times.watchSeconds * (1 + Math.random()))
  const response = await server.get(
    resource.path,
    {
      ...resource.selector,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    },
    signal,
  )
  options.onBegin()
  return follow(response, times.idle, frame => take(options, frame))
}

async function follow(response: IncomingMessage, idleMs: number, onFrame: (frame: unknown) => void): Promise<boolean> {
  const split = createSplitter()
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
async function* chunksOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  const chunks = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch(() => undefined)
    if (next === undefined || next.done) return
    yield next.value
  }
}

function take<T>({ resource, onPut, onDelete, onBookmark }: WatchOptions<T>, frame: unknown): void {
  if (!isMapping(frame) || !isMapping(frame.object)) throw nonsense(frame)
  const { type, object } = frame
  if (type === 'ADDED' || type === 'MODIFIED') onPut(readItem(resource, object))
  else if (type === 'DELETED') onDelete(readItem(resource, object))
  else if (type === 'BOOKMARK') onBookmark(versionOf(object))
  else if (type === 'ERROR') throw new Refusal(Number(object.code) || 500, object)
  else throw nonsense(frame)
}

function versionOf(object: Raw): string {
  const version = isMapping(object.metadata) ? object.metadata.resourceVersion : undefined
  if (typeof version !== 'string' || version === '') throw nonsense(object)
  return version
}

function nonsense(frame: unknown): Nonsense {
  return new Nonsense('is no event of a watch', JSON.stringify(frame) ?? '')
}
