// SPDX-License-Identifier: Apache-2.0
/** A small client of an API server, for whoever writes objects. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { ApiObject } from '../test/kubernetes/objects.ts'

export interface Client {
  /** The answer's body. Throws ClientError unless the status is 2xx. */
  readonly ask: (method: string, path: string, body?: object) => Promise<Answer>
  /** Creates it, or puts it over the one that is there. Gives the object as the server has it. */
  readonly put: (object: ApiObject) => Promise<ApiObject>
  readonly delete: (kind: Kind, name: string) => Promise<void>
  readonly list: (kind: Kind) => Promise<readonly ApiObject[]>
  /** What the server streams of this kind from now on, line by line, until the returned function is called. */
  readonly watch: (kind: Kind, onEvent: (event: WatchEvent) => void) => Promise<() => void>
  readonly close: () => void
}

export interface ClientOptions {
  /** UNIX socket that leads to the server; asked for each request. */
  readonly socketPath: () => string
  readonly ca: Buffer
  readonly token: string
  /** Connections at a time. */
  readonly parallel?: number
}

export interface Answer extends Record<string, unknown> {
  readonly items?: readonly ApiObject[]
  readonly status?: unknown
}

export interface WatchEvent {
  readonly type: string
  readonly object: ApiObject
}

const CORE = '/api/v1'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const PATHS = {
  Service: `${CORE}/namespaces/default/services`,
  EndpointSlice: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
  Node: `${CORE}/nodes`,
  ServiceAccount: `${CORE}/namespaces/kube-system/serviceaccounts`,
  ClusterRole: `${RBAC}/clusterroles`,
  ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
} as const

export type Kind = keyof typeof PATHS

class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function createClient({ socketPath, ca, token, parallel = 16 }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: parallel })
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  // The certificate names the server's addresses; here there is none.
  const to = { ca, host: '127.0.0.1', servername: '', agent }

  async function send(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const sent = request({
      ...to,
      socketPath: socketPath(),
      method,
      path,
      headers: { ...headers, 'content-type': type },
    })
    sent.end(body && JSON.stringify(body))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }

  async function ask(method: string, path: string, body?: object): Promise<Answer> {
    const response = await send(method, path, body)
    const text = await textOf(response)
    const status = response.statusCode ?? 0
    if (status < 200 || status > 299) throw new ClientError(status, `${method} ${path}: ${status} ${text.trim()}`)
    return text.startsWith('{') ? JSON.parse(text) : { status: text }
  }

  async function put(object: ApiObject): Promise<ApiObject> {
    const path = PATHS[object.kind as Kind]
    try {
      return (await ask('POST', path, object)) as unknown as ApiObject
    } catch (error) {
      // A Service that is there already has its clusterIP: 422, before it could be 409.
      if (!(error instanceof ClientError) || ![409, 422].includes(error.status)) throw error
      const patched = await ask('PATCH', `${path}/${object.metadata.name}`, patchOf(object)).catch(late => {
        throw late.status === 404 ? error : late
      })
      return patched as unknown as ApiObject
    }
  }

  async function watch(kind: Kind, onEvent: (event: WatchEvent) => void): Promise<() => void> {
    const { metadata } = (await ask('GET', `${PATHS[kind]}?limit=1`)) as { metadata?: { resourceVersion?: string } }
    const query = new URLSearchParams({ watch: 'true', resourceVersion: metadata?.resourceVersion ?? '' })
    const response = await send('GET', `${PATHS[kind]}?${query}`)
    let rest = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onEvent(JSON.parse(line))
    })
    response.on('error', () => undefined)
    return () => response.destroy()
  }

  return {
    ask,
    put,
    watch,
    delete: async (kind, name) => void (await ask('DELETE', `${PATHS[kind]}/${name}`)),
    list: async kind => (await ask('GET', PATHS[kind])).items ?? [],
    close: () => agent.destroy(),
  }
}

/** Without what the server has decided. */
function patchOf(object: ApiObject): object {
  const { uid: _, creationTimestamp: __, ...metadata } = object.metadata
  return { ...object, metadata }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}
