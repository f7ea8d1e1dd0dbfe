// SPDX-License-Identifier: Apache-2.0
/** The source that reads a Kubernetes API server. */
import type { Source, SourceEvents } from '../source.ts'
import { type ApiServer, openApiServer } from './api-server.ts'
import { type Collection, createCollection } from './collection.ts'
import { createComplaints } from './complaints.ts'
import { reflect } from './reflector.ts'
import { nodesOf, type Resource, SLICES, servicesOf } from './resource.ts'
import { TIMES, type Times } from './times.ts'
import { createViews } from './views.ts'

export interface KubernetesOptions {
  /** Undefined: the service account of this pod. */
  readonly kubeconfig?: string | undefined
  /** URL of the server, in the place of that in the kubeconfig; empty: that. */
  readonly apiServer?: string
  /** Of the own Node object. */
  readonly nodeName: string
  /** Serve Services with this service.kubernetes.io/service-proxy-name, too; empty: none that has the label. */
  readonly serviceProxyName: string
  readonly times?: Partial<Times>
}

/** Throws a SourceError when the kubeconfig can't work. Nothing else stops it: a server may come later. */
export function kubernetesSource(options: KubernetesOptions): Source {
  const times = { ...TIMES, ...options.times }
  let onRequest: SourceEvents['onRequest']
  const server = openApiServer(options.kubeconfig, times.answer, options.apiServer, request => onRequest?.(request))
  const end = new AbortController()
  let running: Promise<unknown> = Promise.resolve()
  return {
    async start(events) {
      onRequest = events.onRequest
      running = readAll({ ...options, times, server, signal: end.signal }, events).finally(() => server.close())
    },
    async send(method, path, body) {
      const { response } = await server.send(method, path, body, end.signal)
      response.resume()
    },
    async stop() {
      end.abort()
      await running
    },
  }
}

interface Reading extends KubernetesOptions {
  readonly times: Times
  readonly server: ApiServer
  readonly signal: AbortSignal
}

/** A kind of object, and what is known of it. */
interface Shelf<T> {
  readonly resource: Resource<T>
  readonly collection: Collection<T>
}

function readAll(reading: Reading, events: SourceEvents): Promise<unknown> {
  const { times, server, signal, nodeName, serviceProxyName } = reading
  const views = createViews()
  const services = shelf(servicesOf(serviceProxyName), createCollection(views.onService))
  const slices = shelf(SLICES, createCollection(views.onSlice))
  const node = shelf(nodesOf(nodeName), createCollection(views.onNode))
  const shelves = [services, slices, node]
  const complaints = createComplaints(server.url, () => shelves.flatMap(faultsOf), events.onProblems)
  const unlisted = new Set<string>(shelves.map(({ resource }) => resource.name))

  const flush = createBatch(times.batch, signal, () => {
    complaints.tell()
    if (unlisted.size > 0) return
    const update = views.take(shelves.some(({ collection }) => collection.isIncomplete()))
    if (update) events.onUpdate(update)
  })

  function follow<T>({ resource, collection }: Shelf<T>): Promise<void> {
    const onListed = () => {
      unlisted.delete(resource.name)
      flush()
    }
    const onHealth = (failure: unknown) => complaints.onHealth(resource.name, failure)
    return reflect({ server, resource, collection, times, signal, onListed, onEvent: flush, onHealth })
  }

  return Promise.all([follow(services), follow(slices), follow(node)])
}

function shelf<T>(resource: Resource<T>, collection: Collection<T>): Shelf<T> {
  return { resource, collection }
}

type Faulty = { readonly resource: Resource<unknown>; readonly collection: Pick<Collection<unknown>, 'faults'> }

function faultsOf({ resource: { kind }, collection }: Faulty): (readonly [string, string])[] {
  return [...collection.faults()].map(([key, fault]) => [`${kind} ${key}`, fault])
}

/** Does it once for all calls of so many milliseconds: a burst of events is one update. */
function createBatch(ms: number, signal: AbortSignal, act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  return () => {
    if (signal.aborted) return
    timer ??= setTimeout(() => {
      timer = undefined
      act()
    }, ms)
  }
}
