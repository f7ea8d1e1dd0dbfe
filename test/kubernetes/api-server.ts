// SPDX-License-Identifier: Apache-2.0
/**
 * An API server for tests: on the wire what the real one is, as far as lists and watches of three kinds go, and all that the real
 * one does not do on demand. Tests say how it misbehaves with `intercept`.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https, { type ServerOptions } from 'node:https'
import { type AddressInfo, isIPv6 } from 'node:net'
import { createStore, type Store } from './api-store.ts'
import { contentType, type EncodingName, encode, negotiate } from './encode.ts'
import { selectorOf } from './selectors.ts'
import { createWatcher, type Watcher } from './watcher.ts'

const KINDS: Readonly<Record<string, string>> = {
  '/api/v1/services': 'Service',
  '/apis/discovery.k8s.io/v1/endpointslices': 'EndpointSlice',
  '/api/v1/nodes': 'Node',
}

/** A request, as tests look at it. */
export interface Asked {
  readonly kind: string
  readonly isWatch: boolean
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Of the answer. */
  readonly encoding: EncodingName
  /** Milliseconds of performance.now(). */
  readonly at: number
}

/** What happens to a request instead: nothing at all, a Status, or any other answer. */
export type Answer = 'silence' | Status | ((response: ServerResponse) => void)

export interface Status {
  readonly code: number
  readonly reason?: string
  readonly message?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly details?: object
}

export interface FakeServer {
  readonly url: string
  store: Store
  readonly asked: Asked[]
  readonly watchers: Set<Watcher>
  /** What it can write, and so answers with 406 when nothing else is accepted. */
  encodings: readonly EncodingName[]
  /**
   * Whether it can begin a watch with all that there is. A server that can't, and has never heard of it, sends all that there is
   * and no end of it. Requests that it refuses for that are not in `asked`, and not intercepted.
   */
  initialEvents: 'refused' | 'ignored' | 'sent'
  /** Undefined: as a good server. */
  intercept: (asked: Asked) => Answer | undefined
  /** Bytes that watches write at once; 0: as they come. */
  split: number
  /** Each watch begins with a bookmark. */
  bookmarksFirst: boolean
  readonly lists: (kind: string) => readonly Asked[]
  readonly watches: (kind: string) => readonly Asked[]
  readonly stop: () => Promise<void>
}

export interface FakeOptions {
  readonly host?: string
  /** Default: any. */
  readonly port?: number
  readonly tls?: ServerOptions
  readonly store?: Store
  readonly encodings?: readonly EncodingName[]
}

export async function startApiServer(options: FakeOptions = {}): Promise<FakeServer> {
  const { host = '127.0.0.1', port = 0, tls } = options
  const listener = (request: IncomingMessage, response: ServerResponse) => serve(fake, request, response)
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  const asked: Asked[] = []
  const of = (kind: string, isWatch: boolean) => asked.filter(one => one.kind === kind && one.isWatch === isWatch)
  const fake: FakeServer = {
    url: `${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    store: options.store ?? createStore(),
    asked,
    watchers: new Set(),
    encodings: options.encodings ?? ['json', 'protobuf'],
    initialEvents: 'refused',
    intercept: () => undefined,
    split: 0,
    bookmarksFirst: false,
    lists: kind => of(kind, false),
    watches: kind => of(kind, true),
    stop() {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      server.closeAllConnections()
      return promise
    },
  }
  return fake
}

function serve(fake: FakeServer, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://server')
  const kind = KINDS[pathname]
  const encoding = negotiate(request.headers.accept ?? '*/*', fake.encodings)
  if (kind === undefined || encoding === undefined) {
    const status = kind === undefined ? { code: 404, reason: 'NotFound' } : { code: 406, reason: 'NotAcceptable' }
    refuse(response, { ...status, message: pathname }, 'json')
    return
  }
  if (query.has('sendInitialEvents') && fake.initialEvents === 'refused') {
    refuse(response, INITIAL_EVENTS, encoding)
    return
  }
  const isWatch = query.get('watch') === 'true'
  const asked = { kind, isWatch, query, headers: request.headers, encoding, at: performance.now() }
  fake.asked.push(asked)
  const instead = fake.intercept(asked)
  if (instead === 'silence') return
  if (typeof instead === 'function') instead(response)
  else if (instead) refuse(response, instead, encoding)
  else if (isWatch) watch(fake, asked, response)
  else list(fake, asked, response)
}

/** metav1.Status, as an answer's body and in a watch's ERROR event. */
export function statusBody({ code, reason = '', message = '', details = {} }: Status) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code }
}

export const EXPIRED: Status = { code: 410, reason: 'Expired', message: 'too old resource version' }

/** As servers before 1.27, and those where the feature is switched off. */
const INITIAL_EVENTS: Status = {
  code: 422,
  reason: 'Invalid',
  message: 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden',
}

function refuse(response: ServerResponse, status: Status, encoding: EncodingName): void {
  response.writeHead(status.code, { 'content-type': contentType(encoding, false), ...status.headers })
  response.end(encode(encoding, statusBody(status)))
}

function list({ store }: FakeServer, { kind, query, encoding }: Asked, response: ServerResponse): void {
  const limit = Number(query.get('limit') ?? 0)
  const token = query.get('continue')
  const { version, after } = token ? JSON.parse(atob(token)) : { version: store.version, after: '' }
  if (token && version < store.compacted) {
    refuse(response, EXPIRED, encoding)
    return
  }
  const rest = store.list(kind, selectorOf(query), version).filter(([key]) => key > after)
  const page = limit > 0 ? rest.slice(0, limit) : rest
  const more = page.length < rest.length && { continue: btoa(JSON.stringify({ version, after: page.at(-1)?.[0] })) }
  const items = page.map(([, object]) => object)
  const body = { kind: `${kind}List`, apiVersion: 'v1', metadata: { resourceVersion: String(version), ...more }, items }
  response.writeHead(200, { 'content-type': contentType(encoding, false) }).end(encode(encoding, body))
}

function watch(fake: FakeServer, { kind, query, encoding }: Asked, response: ServerResponse): void {
  const { store } = fake
  const version = query.has('resourceVersion') ? Number(query.get('resourceVersion')) : undefined
  if (version !== undefined && version < store.compacted) {
    refuse(response, EXPIRED, encoding)
    return
  }
  response.writeHead(200, { 'content-type': contentType(encoding, true) }).flushHeaders()
  const selects = selectorOf(query)
  const watcher = createWatcher({ store, kind, selects, version, encoding, response, split: () => fake.split })
  fake.watchers.add(watcher)
  store.onChange.add(watcher.tell)
  const timer = setTimeout(watcher.end, Number(query.get('timeoutSeconds')) * 1_000)
  response.on('close', () => {
    clearTimeout(timer)
    fake.watchers.delete(watcher)
    store.onChange.delete(watcher.tell)
  })
  if (fake.bookmarksFirst) watcher.bookmark()
  watcher.tell()
  if (version === undefined && fake.initialEvents === 'sent') watcher.bookmark(true)
}
