// SPDX-License-Identifier: Apache-2.0
/** What an API server has, as the agent reads it from its protobuf and from its JSON: `node both-encodings.ts KUBECONFIG`. */
import { openApiServer } from '../agent/source/kubernetes/api-server.ts'
import { listAll } from '../agent/source/kubernetes/list.ts'
import { type Item, nodesOf, type Resource, servicesOf } from '../agent/source/kubernetes/resource.ts'
import { TIMES } from '../agent/source/kubernetes/times.ts'
import { watch } from '../agent/source/kubernetes/watch.ts'

/** Protobuf first, then JSON. */
export interface Read {
  readonly kind: string
  /** Content types of the answers. */
  readonly types: readonly (string | undefined)[]
  readonly listed: readonly (readonly Item<unknown>[])[]
  readonly watched: readonly (readonly Item<unknown>[])[]
}

const server = openApiServer(process.argv[2], TIMES.answer)

async function read(resource: Resource<unknown>): Promise<Read> {
  const first = await readOnce(resource)
  server.refuseProtobuf(resource.path)
  const both = [first, await readOnce(resource)]
  return {
    kind: resource.kind,
    types: both.map(({ type }) => type),
    listed: both.map(({ listed }) => listed),
    watched: both.map(({ watched }) => watched),
  }
}

async function readOnce(resource: Resource<unknown>) {
  const end = new AbortController()
  const { signal } = end
  const { response } = await server.get(resource.path, { limit: '1' }, signal)
  response.resume()
  const { items } = await listAll({ server, idleMs: TIMES.answer, signal }, resource)
  const watched: Item<unknown>[] = []
  const onPut = (item: Item<unknown>) => {
    if (watched.push(item) === items.length) end.abort()
  }
  const nothing = () => undefined
  const events = { onBegin: nothing, onListed: nothing, onPut, onDelete: nothing, onBookmark: nothing }
  // From version 0 on a watch begins with what the server has in its cache.
  await watch({ server, resource, version: '0', times: TIMES, signal, ...events }).catch(nothing)
  return { type: response.headers['content-type'], listed: sorted(items), watched: sorted(watched) }
}

function sorted(items: readonly Item<unknown>[]): readonly Item<unknown>[] {
  return items.toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

const all = [await read(servicesOf('')), await read(nodesOf())]
process.stdout.write(JSON.stringify(all))
server.close()
