// SPDX-License-Identifier: Apache-2.0
/** Objects of an API server read once, for commands that do not stay. */
import type { LoadedManifests } from '../manifests/load.ts'
import { type Problem, SourceError } from '../source.ts'
import { type ApiServer, openApiServer } from './api-server.ts'
import { createCollection, type OnChange } from './collection.ts'
import { reasonOf } from './failure.ts'
import { type Lister, listAll } from './list.ts'
import { nodesOf, type Resource, SLICES, servicesOf } from './resource.ts'
import { TIMES } from './times.ts'
import { createViews } from './views.ts'

/** Services with their slices, and all Nodes. Rejects with a SourceError when they can't be read. */
export async function loadCluster(kubeconfig: string): Promise<LoadedManifests> {
  const server = openApiServer(kubeconfig, TIMES.answer)
  try {
    return await load(server)
  } catch (error) {
    throw new SourceError(`API server ${server.url}: ${reasonOf(error)}`)
  } finally {
    server.close()
  }
}

async function load(server: ApiServer): Promise<LoadedManifests> {
  const lister: Lister = { server, idleMs: TIMES.answer, signal: new AbortController().signal }
  const views = createViews()
  const nodes: LoadedManifests['nodes'] = new Map()
  const problems = await Promise.all([
    read(lister, servicesOf(''), views.onService),
    read(lister, SLICES, views.onSlice),
    read(lister, nodesOf(), (_, node) => node && nodes.set(node.name, node)),
  ])
  const services: LoadedManifests['services'] = new Map()
  for (const [key, view] of views.take(false)?.services ?? []) if (view) services.set(key, view)
  return { services, nodes, problems: problems.flat() }
}

async function read<T>(lister: Lister, resource: Resource<T>, onChange: OnChange<T>): Promise<readonly Problem[]> {
  const collection = createCollection(onChange)
  collection.replace((await listAll(lister, resource)).items)
  return [...collection.faults()].map(([key, message]) => {
    return { severity: 'error', where: `${resource.kind} ${key}`, message }
  })
}
