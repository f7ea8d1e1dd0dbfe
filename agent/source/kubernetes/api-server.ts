// SPDX-License-Identifier: Apache-2.0
/** One API server, asked over HTTP with the credentials of a kubeconfig. */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { codeOf } from '../source.ts'
import { Refusal, retryAfter } from './failure.ts'
import { openKubeconfig } from './kubeconfig.ts'
import { isMapping, type Raw } from './raw.ts'

export type Query = Readonly<Record<string, string>>

export interface ApiServer {
  readonly url: string
  /**
   * Resolves once the head of a good answer is here. Rejects with a Refusal, or with the connection's own error; after `answerMs`
   * without a head in any case.
   */
  readonly get: (path: string, query: Query, signal: AbortSignal) => Promise<http.IncomingMessage>
  readonly close: () => void
}

/** First keep-alive probe of the kernel after so long: it finds a peer that is gone behind a quiet watch. */
const KEEPALIVE_MS = 15_000
/** Bytes of a refusal that are read. */
const MAX_REFUSAL = 65_536

/** Throws a SourceError when the kubeconfig can't work. */
export function openApiServer(kubeconfig: string | undefined, answerMs: number): ApiServer {
  const credentials = createCredentials(kubeconfig)
  const { url } = credentials
  const { get, Agent } = url.startsWith('https:') ? https : http
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: KEEPALIVE_MS })

  async function send(path: string, query: Query, signal: AbortSignal): Promise<http.IncomingMessage> {
    const options = await credentials.options(signal)
    const request = get(`${url}${path}?${new URLSearchParams(query)}`, { agent, ...options, signal })
    const response = await answerTo(request)
    // A kept connection that the server was closing as we wrote: nothing is said about the server.
    if (response === undefined) return send(path, query, signal)
    if (response.statusCode === 200) return response
    const refusal = await readRefusal(response)
    if (refusal.status === 401) credentials.renew()
    throw refusal
  }

  return {
    url,
    get: (path, query, signal) => withLimit(answerMs, signal, both => send(path, query, both)),
    close: () => agent.destroy(),
  }
}

/** Ends what is being done when it takes too long; what it has resolved with goes on until `signal`. */
async function withLimit<T>(ms: number, signal: AbortSignal, work: (both: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController()
  const late = new Error(`no answer within ${ms / 1_000} s`)
  const timer = setTimeout(() => limit.abort(late), ms)
  const both = AbortSignal.any([signal, limit.signal])
  try {
    return await work(both)
  } catch (error) {
    throw limit.signal.aborted ? late : error
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

async function readRefusal(response: http.IncomingMessage): Promise<Refusal> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_REFUSAL) break
  }
  const wait = retryAfter(response.headers['retry-after'])
  return new Refusal(response.statusCode ?? 0, statusOf(text), wait)
}

/** The Status object, or what else there is to say. */
function statusOf(text: string): Raw {
  try {
    const value: unknown = JSON.parse(text)
    if (isMapping(value)) return value
  } catch {
    // A proxy's page: shown as it is.
  }
  return { message: text.trim().split('\n', 1)[0] }
}

interface Credentials {
  readonly url: string
  /** For a request: headers, certificates. Plugins are run and tokens read as they expire. */
  readonly options: (signal: AbortSignal) => Promise<https.RequestOptions>
  /** Forgets what is remembered: the server does not take it. */
  readonly renew: () => void
}

function createCredentials(kubeconfig: string | undefined): Credentials {
  let config: ReturnType<typeof openKubeconfig> | undefined = openKubeconfig(kubeconfig)
  const url = config.getCurrentCluster()!.server
  let pending: Promise<https.RequestOptions> | undefined

  async function apply(): Promise<https.RequestOptions> {
    config ??= openKubeconfig(kubeconfig)
    const { agent, headers, ...options }: https.RequestOptions = await applied(config)
    const proxied = config.getCurrentCluster()?.proxyUrl ? { agent } : {}
    return { ...options, ...proxied, headers: headersOf(headers) }
  }

  return {
    url,
    options(signal) {
      signal.throwIfAborted()
      // One plugin at a time, however many requests wait for it.
      pending ??= apply().finally(() => {
        pending = undefined
      })
      return Promise.race([pending, aborted(signal)])
    },
    renew() {
      config = undefined
    },
  }
}

async function applied(config: ReturnType<typeof openKubeconfig>): Promise<https.RequestOptions> {
  const options: https.RequestOptions = {}
  await config.applyToHTTPSOptions(options)
  return options
}

function headersOf(headers: https.RequestOptions['headers']): http.OutgoingHttpHeaders {
  const given = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()])
  return { accept: 'application/json', 'user-agent': 'evenkeel', ...Object.fromEntries(given) }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
