// SPDX-License-Identifier: Apache-2.0
/** One API server, asked over HTTP with the credentials of a kubeconfig. */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { codeOf, type SourceRequest } from '../source.ts'
import { createCredentials } from './credentials.ts'
import { createAcceptance, type Encoding, encodingOf } from './encoding.ts'
import { Refusal, retryAfter } from './failure.ts'
import { isMapping, type Raw } from './raw.ts'

export type Query = Readonly<Record<string, string>>

/** A good answer, as yet without its body. */
export interface Answer {
  readonly response: http.IncomingMessage
  readonly encoding: Encoding
}

export interface ApiServer {
  readonly url: string
  /**
   * Resolves once the head of a good answer is here. Rejects with a Refusal, or with the connection's own error; after `answerMs`
   * without a head in any case.
   */
  readonly get: (path: string, query: Query, signal: AbortSignal) => Promise<Answer>
  /** From now on this path is asked for in JSON: its protobuf can't be read. */
  readonly refuseProtobuf: (path: string) => void
  /** Sends JSON, and asks for JSON. */
  readonly send: (method: 'POST' | 'PATCH', path: string, body: object, signal: AbortSignal) => Promise<Answer>
  readonly close: () => void
}

/** First keep-alive probe of the kernel after so long: it finds a peer that is gone behind a quiet watch. */
const KEEPALIVE_MS = 15_000
/** Bytes of a refusal that are read. */
const MAX_REFUSAL = 65_536
/** Not Acceptable, Unsupported Media Type. */
const WRONG_ENCODING = [406, 415]

interface Asked {
  readonly method: string
  readonly path: string
  /** With its question mark; empty: none. */
  readonly query: string
  readonly body?: object
}

/** JSON merge patch (RFC 7396), which every kind of object takes. */
const JSON_TYPE = 'application/json'
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  POST: JSON_TYPE,
  PATCH: 'application/merge-patch+json',
}

/** Throws a SourceError when the kubeconfig can't work. `server`: as for openKubeconfig(). `onRequest`: called for each request that is made. */
export function openApiServer(
  kubeconfig: string | undefined,
  answerMs: number,
  server?: string,
  onRequest: (request: SourceRequest) => void = () => {},
): ApiServer {
  const credentials = createCredentials(kubeconfig, server)
  const acceptance = createAcceptance()
  const { url } = credentials
  const { host } = new URL(url)
  const { request: begin, Agent } = url.startsWith('https:') ? https : http
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: KEEPALIVE_MS })

  async function begun({ method, path, query, body }: Asked, signal: AbortSignal): Promise<http.ClientRequest> {
    const { headers, ...options } = await credentials.options(signal)
    const type = body
      ? { accept: JSON_TYPE, 'content-type': CONTENT_TYPES[method] }
      : { accept: acceptance.headerFor(path) }
    const all = { ...type, 'user-agent': 'evenkeel', ...headers }
    const request = begin(`${url}${path}${query}`, { agent, ...options, method, headers: all, signal })
    return request.end(body && JSON.stringify(body))
  }

  async function observed(asked: Asked, signal: AbortSignal): Promise<http.IncomingMessage | undefined> {
    const request = await begun(asked, signal)
    const started = performance.now()
    let status: number | undefined
    try {
      const response = await answerTo(request)
      status = response?.statusCode
      return response
    } finally {
      onRequest({ method: asked.method, host, status, seconds: (performance.now() - started) / 1_000 })
    }
  }

  async function send(asked: Asked, signal: AbortSignal): Promise<Answer> {
    const response = await observed(asked, signal)
    // A kept connection that the server was closing as we wrote: nothing is said about the server.
    if (response === undefined) return send(asked, signal)
    const encoding = encodingOf(response)
    if (response.statusCode === 200 || response.statusCode === 201) return { response, encoding }
    const refusal = await readRefusal({ response, encoding })
    if (WRONG_ENCODING.includes(refusal.status) && !asked.body && acceptance.fallBack(asked.path))
      return send(asked, signal)
    if (refusal.status === 401) credentials.renew()
    throw refusal
  }

  return {
    url,
    get(path, query, signal) {
      const asked = { method: 'GET', path, query: `?${new URLSearchParams(query)}` }
      return withLimit(answerMs, signal, both => send(asked, both))
    },
    send: (method, path, body, signal) =>
      withLimit(answerMs, signal, both => send({ method, path, query: '', body }, both)),
    refuseProtobuf: acceptance.fallBack,
    close: () => agent.destroy(),
  }
}

/**
 * Ends what is being done when it takes too long; the answer goes on until `signal`. By hand: AbortSignal.any() would keep each
 * request's signal for as long as `signal` lives, which is for ever.
 */
async function withLimit(
  ms: number,
  signal: AbortSignal,
  work: (both: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const both = new AbortController()
  const late = new Error(`no answer within ${ms / 1_000} s`)
  const timer = setTimeout(() => both.abort(late), ms)
  const end = () => both.abort(signal.reason)
  const release = () => signal.removeEventListener('abort', end)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    const answer = await work(both.signal)
    answer.response.once('close', release)
    return answer
  } catch (error) {
    release()
    throw both.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
  }
}

async function answerTo(request: http.ClientRequest): Promise<http.IncomingMessage | undefined> {
  request.on('error', () => undefined)
  try {
    const [response] = await once(request, 'response')
    return response
  } catch (error) {
    if (request.reusedSocket && codeOf(error) === 'ECONNRESET') return undefined
    throw error
  }
}

async function readRefusal({ response, encoding }: Answer): Promise<Refusal> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_REFUSAL) break
  }
  const wait = retryAfter(response.headers['retry-after'])
  return new Refusal(response.statusCode ?? 0, statusOf(encoding, Buffer.concat(chunks)), wait)
}

/** The Status object, or what else there is to say. */
function statusOf(encoding: Encoding, bytes: Buffer): Raw {
  try {
    const value = encoding.parse(bytes)
    if (isMapping(value)) return value
  } catch {
    // A proxy's page: shown as it is.
  }
  return { message: bytes.toString('utf8').trim().split('\n', 1)[0] }
}
