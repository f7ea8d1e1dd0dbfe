// SPDX-License-Identifier: Apache-2.0
/** Lists all objects of a kind, page by page. */
import type { Answer, ApiServer, Query } from './api-server.ts'
import { Nonsense, Refusal } from './failure.ts'
import { isMapping } from './raw.ts'
import { type Item, type Resource, readItem } from './resource.ts'

export interface Listed<T> {
  readonly items: readonly Item<T>[]
  /** To watch from. */
  readonly version: string
}

interface Page<T> extends Listed<T> {
  /** Of the next page; empty: this is the last. */
  readonly token: string
}

const PAGE = 500
/** Any version will do: the server answers out of its memory, and then all at once (as client-go's informers are answered). */
const CACHED: Query = { resourceVersion: '0' }
/** Bytes of one answer. 10,000 slices of 10 endpoints are 40 MB. */
const MAX_LIST = 512 * 1024 * 1024

export interface Lister {
  readonly server: ApiServer
  /** Milliseconds without a byte. */
  readonly idleMs: number
  readonly signal: AbortSignal
}

/**
 * Rejects with Refusal, Nonsense or the connection's error; nothing is half listed. The server's cache is a fraction of the work for
 * it, and may be behind what another server, or this one before, has told already.
 */
export async function listAll<T>(
  lister: Lister,
  resource: Resource<T>,
  from: 'etcd' | 'cache' = 'etcd',
): Promise<Listed<T>> {
  const first = await readPage(lister, resource, { limit: String(PAGE), ...(from === 'cache' && CACHED) })
  try {
    return await readOn(lister, resource, first)
  } catch (error) {
    if (!(error instanceof Refusal && error.isExpired)) throw error
    // The pages are compacted away while we read: all at once, then (as client-go's pager does).
    return await readPage(lister, resource, {})
  }
}

async function readOn<T>(lister: Lister, resource: Resource<T>, first: Page<T>): Promise<Listed<T>> {
  const items = [...first.items]
  let page = first
  while (page.token !== '') {
    page = await readPage(lister, resource, { limit: String(PAGE), continue: page.token })
    for (const item of page.items) items.push(item)
  }
  return { items, version: page.version }
}

async function readPage<T>(lister: Lister, resource: Resource<T>, query: Query): Promise<Page<T>> {
  const answer = await lister.server.get(resource.path, { ...resource.selector, ...query }, lister.signal)
  const items: Item<T>[] = []
  const keep = (raws: Iterable<unknown>) => {
    for (const raw of raws) items.push(readItem(resource, raw))
  }
  const reader = answer.encoding.createListReader()
  const begins = await readBody(answer, lister.idleMs, chunk => keep(reader.take(chunk)))
  const end = reader.end()
  const head = headOf(end.body, `${resource.kind}List`, begins)
  keep(end.items)
  return { items, ...head }
}

/** Throws Nonsense. `begins`: the answer, to show. */
function headOf(body: unknown, wanted: string, begins: string): Pick<Page<unknown>, 'version' | 'token'> {
  if (!isMapping(body) || body.kind !== wanted || !isMapping(body.metadata))
    throw new Nonsense(`is no ${wanted}`, begins)
  const { resourceVersion: version } = body.metadata
  const token = body.metadata.continue ?? ''
  const raws = body.items ?? []
  const isGood = typeof version === 'string' && version !== '' && typeof token === 'string'
  if (!isGood || !Array.isArray(raws) || !raws.every(isMapping))
    throw new Nonsense(`is a ${wanted} without items or version`, begins)
  return { version, token }
}

/** Resolves with its first bytes. */
async function readBody({ response }: Answer, idleMs: number, take: (chunk: Buffer) => void): Promise<string> {
  const silent = new Error(`the list broke off: nothing came for ${idleMs / 1_000} s`)
  const timer = setTimeout(() => response.destroy(silent), idleMs)
  let begins = ''
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer.refresh()
      if (size === 0) begins = chunk.toString('utf8', 0, 100)
      size += chunk.length
      if (size > MAX_LIST) throw new Nonsense(`is a list of more than ${MAX_LIST} bytes`, begins)
      take(chunk)
    }
  } finally {
    clearTimeout(timer)
  }
  return begins
}
