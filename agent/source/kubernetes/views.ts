// SPDX-License-Identifier: Apache-2.0
/** Services with their slices, and which of them have changed since they were last told. */
import type { EndpointSlice, Node, Service, ServiceKey, ServiceView } from '../../objects.ts'
import type { Update } from '../source.ts'
import type { OnChange } from './collection.ts'

export interface Views {
  readonly onService: OnChange<Service>
  readonly onSlice: OnChange<EndpointSlice>
  readonly onNode: OnChange<Node>
  /** Undefined: nothing has changed. The first has everything. */
  readonly take: (incomplete: boolean) => Update | undefined
}

export function createViews(): Views {
  const services = new Map<ServiceKey, Service>()
  const slices = new Map<ServiceKey, Map<string, EndpointSlice>>()
  const told = new Set<ServiceKey>()
  let changed = new Set<ServiceKey>()
  let node: Node | null = null
  let last: { readonly node: Node | null; readonly incomplete: boolean } | undefined

  /** Slices may be there before their Service, and after it. */
  function viewOf(key: ServiceKey): ServiceView | undefined {
    const service = services.get(key)
    return service && { service, slices: [...(slices.get(key)?.values() ?? [])].sort(byName) }
  }

  function takeServices(): Map<ServiceKey, ServiceView | undefined> {
    const views = new Map<ServiceKey, ServiceView | undefined>()
    for (const key of changed) {
      const view = viewOf(key)
      if (view || told.has(key)) views.set(key, view)
      if (view) told.add(key)
      else told.delete(key)
    }
    changed = new Set()
    return views
  }

  return {
    onService(before, after) {
      const { namespace, name } = (after ?? before) as Service
      const key = `${namespace}/${name}`
      if (after) services.set(key, after)
      else services.delete(key)
      changed.add(key)
    },
    onSlice(before, after) {
      if (before) removeSlice(slices, before)
      if (after) slices.set(after.service, (slices.get(after.service) ?? new Map()).set(after.name, after))
      for (const slice of [before, after]) if (slice) changed.add(slice.service)
    },
    onNode(_, after) {
      node = after ?? null
    },
    take(incomplete) {
      const views = takeServices()
      const nodeChanged = last === undefined || last.node !== node
      if (views.size === 0 && !nodeChanged && incomplete === last?.incomplete) return undefined
      last = { node, incomplete }
      return { services: views, ...(nodeChanged && { node }), incomplete }
    },
  }
}

function removeSlice(slices: Map<ServiceKey, Map<string, EndpointSlice>>, { service, name }: EndpointSlice): void {
  const ofService = slices.get(service)
  if (ofService?.delete(name) && ofService.size === 0) slices.delete(service)
}

function byName(a: EndpointSlice, b: EndpointSlice): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
