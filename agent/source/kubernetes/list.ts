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
/** Bytes of one page. 10,000 slices of 10 endpoints in one are 40 MB. */
const MAX_PAGE = 512 * 1024 * 1024

export interface Lister {
  readonly server: ApiServer
  /** Milliseconds without a byte. */
  readonly idleMs: number
  readonly signal: AbortSignal
}

/** Rejects with Refusal, Nonsense or the connection's error; nothing is half listed. */
export async function listAll<T>(lister: Lister, resource: Resource<T>): Promise<Listed<T>> {
  const first = await readPage(lister, resource, { limit: String(PAGE) })
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
  const bytes = await readBody(answer, lister.idleMs)
  const body = answer.encoding.parse(bytes)
  const wanted = `${resource.kind}List`
  if (!isMapping(body) || body.kind !== wanted || !isMapping(body.metadata))
    throw new Nonsense(`is no ${wanted}`, beginOf(bytes))
  const { resourceVersion: version } = body.metadata
  const token = body.metadata.continue ?? ''
  const raws = body.items ?? []
  if (typeof version !== 'string' || version === '' || typeof token !== 'string' || !Array.isArray(raws))
    throw new Nonsense(`is a ${wanted} without items or version`, beginOf(bytes))
  return { items: raws.map(raw => readItem(resource, raw)), version, token }
}

function beginOf(bytes: Buffer): string {
  return bytes.toString('utf8', 0, 100)
}

async function readBody({ response }: Answer, idleMs: number): Promise<Buffer> {
  const silent = new Error(`the list broke off: nothing came for ${idleMs / 1_000} s`)
  const timer = setTimeout(() => response.destroy(silent), idleMs)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer.refresh()
      chunks.push(chunk)
      size += chunk.length
      if (size > MAX_PAGE) throw new Nonsense(`is a list of more than ${MAX_PAGE} bytes`, beginOf(chunks[0] as Buffer))
    }
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks)
}
