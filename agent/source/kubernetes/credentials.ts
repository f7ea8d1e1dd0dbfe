// SPDX-License-Identifier: Apache-2.0
/** What proves to an API server who asks: headers and certificates for each request, as files and tokens change. */
import { readFileSync, statSync } from 'node:fs'
import type { OutgoingHttpHeaders } from 'node:http'
import type https from 'node:https'
import type { Cluster, User } from '@kubernetes/client-node'
// Of the client only what is needed: all of it is 85 MB of memory, and the greater part of a second.
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js'
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js'
import { SourceError } from '../source.ts'
import { type Kubeconfig, openKubeconfig } from './kubeconfig.ts'

export interface RequestOptions extends https.RequestOptions {
  readonly headers?: OutgoingHttpHeaders
}

export interface Credentials {
  readonly url: string
  /** For a request: headers, certificates. Plugins are run and tokens read as they expire. */
  readonly options: (signal: AbortSignal) => Promise<RequestOptions>
  /** Forgets tokens that are remembered: the server does not take them. */
  readonly renew: () => void
}

/** Throws a SourceError when the kubeconfig can't work. `server`: as for openKubeconfig(). */
export function createCredentials(kubeconfig: string | undefined, server?: string): Credentials {
  const first = openKubeconfig(kubeconfig, server)
  let apply = createApplication(first)
  let stamp = stampOf(kubeconfig)
  let pending: Promise<RequestOptions> | undefined

  /** A file that is gone or half written counts as it was. */
  function refresh(): void {
    const now = stampOf(kubeconfig)
    if (now === stamp) return
    try {
      apply = createApplication(openKubeconfig(kubeconfig, server))
      stamp = now
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
    }
  }

  async function applyNow(): Promise<RequestOptions> {
    refresh()
    return apply()
  }

  return {
    url: first.cluster.server,
    options(signal) {
      signal.throwIfAborted()
      // One plugin at a time, however many requests wait for it.
      pending ??= applyNow().finally(() => {
        pending = undefined
      })
      return abortable(pending, signal)
    },
    renew() {
      stamp = 'renew'
    },
  }
}

/** Differs when the file is another. */
function stampOf(kubeconfig: string | undefined): string {
  const stat = kubeconfig === undefined ? undefined : statSync(kubeconfig, { throwIfNoEntry: false })
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : ''
}

/** Proxies and auth providers other than files are the client's own: all of it is loaded for them, and for nobody else. */
function createApplication(kubeconfig: Kubeconfig): () => Promise<RequestOptions> {
  const { cluster, user } = kubeconfig
  const provider = user?.authProvider?.name
  if (cluster.proxyUrl || (provider !== undefined && provider !== 'tokenFile')) return createWholeClient(kubeconfig)
  const authenticators = [new ExecAuth(), new FileAuth()]
  return async () => {
    const options: RequestOptions & { headers: OutgoingHttpHeaders } = { ...certificatesOf(cluster, user), headers: {} }
    if (user === undefined) return options
    // The last word is the plugin's, which may bring certificates, too.
    for (const one of authenticators) if (one.isAuthProvider(user)) await one.applyAuthentication(user, options)
    return { ...options, ...basicOf(user), headers: headersOf(user, options.headers) }
  }
}

function createWholeClient({ cluster, user }: Kubeconfig): () => Promise<RequestOptions> {
  const loaded = import('@kubernetes/client-node').then(({ KubeConfig }) => {
    const config = new KubeConfig()
    config.loadFromClusterAndUser(cluster, user ?? { name: '' })
    return config
  })
  // Told to who asks for it.
  loaded.catch(() => undefined)
  return async () => {
    const options: https.RequestOptions = {}
    await (await loaded).applyToHTTPSOptions(options)
    const { agent, headers, ...rest } = options
    return { ...rest, ...(cluster.proxyUrl && { agent }), headers: trimmed(headers as OutgoingHttpHeaders) }
  }
}

/** Files are read each time: they are exchanged in place. */
function certificatesOf({ caFile, caData, skipTLSVerify, tlsServerName }: Cluster, user: User | undefined) {
  const ca = fileOrData(caFile, caData)
  const cert = fileOrData(user?.certFile, user?.certData)
  const key = fileOrData(user?.keyFile, user?.keyData)
  return {
    ...(skipTLSVerify && { rejectUnauthorized: false }),
    ...(tlsServerName && { servername: tlsServerName }),
    ...{ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  }
}

/** A kubeconfig's data goes before its file (as kubectl has it). */
function fileOrData(file: string | undefined, data: string | undefined): Buffer | undefined {
  if (data) return Buffer.from(data, 'base64')
  return file ? readFileSync(file) : undefined
}

function basicOf({ username, password }: User): RequestOptions {
  return username ? { auth: `${username}:${password ?? ''}` } : {}
}

function headersOf({ token, impersonateUser }: User, given: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return trimmed({
    ...given,
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(impersonateUser && { 'Impersonate-User': impersonateUser }),
  })
}

/** Tokens of files end with a newline. */
function trimmed(headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value).trim()]))
}

/** Waits no longer than until `signal`. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  return promise
}
