// SPDX-License-Identifier: Apache-2.0
/** Services with their slices, and which of them have changed since they were last told. */
import { type EndpointSlice, keyOf, type Node, type Service, type ServiceKey, type ServiceView } from '../../objects.ts'
import type { Update } from '../source.ts'
import type { OnChange } from './collection.ts'

export interface Views {
  readonly onService: OnChange<Service>
  readonly onSlice: OnChange<EndpointSlice>
  readonly onNode: OnChange<Node>
  /** Undefined: nothing has changed. The first has everything. */
  readonly take: (incomplete: boolean) => Update | undefined
}

/** What is known under a Service's name: slices may be there before their Service, and after it. */
interface Held {
  service: Service | undefined
  /** By name. */
  slices: readonly EndpointSlice[]
  told: boolean
}

const NONE: readonly never[] = []

export function createViews(): Views {
  const all = new Map<ServiceKey, Held>()
  let changed = new Set<ServiceKey>()
  let node: Node | null = null
  let last: { readonly node: Node | null; readonly incomplete: boolean } | undefined

  function touch(key: ServiceKey): Held {
    changed.add(key)
    const known = all.get(key)
    if (known) return known
    const held: Held = { service: undefined, slices: NONE, told: false }
    all.set(key, held)
    return held
  }

  function takeServices(): Map<ServiceKey, ServiceView | undefined> {
    const views = new Map<ServiceKey, ServiceView | undefined>()
    for (const key of changed) {
      const held = all.get(key)!
      const { service, slices } = held
      if (service) views.set(key, { service, slices })
      else if (held.told) views.set(key, undefined)
      held.told = service !== undefined
      if (!service && slices.length === 0) all.delete(key)
    }
    changed = new Set()
    return views
  }

  return {
    onService(before, after) {
      const { namespace, name } = (after ?? before) as Service
      touch(keyOf(namespace, name)).service = after
    },
    onSlice(before, after) {
      if (before) removeSlice(touch(before.service), before)
      if (after) addSlice(touch(after.service), after)
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

function addSlice(held: Held, slice: EndpointSlice): void {
  removeSlice(held, slice)
  held.slices = held.slices.length === 0 ? [slice] : [...held.slices, slice].sort(byName)
}

function removeSlice(held: Held, { name }: EndpointSlice): void {
  if (held.slices.some(slice => slice.name === name)) held.slices = held.slices.filter(slice => slice.name !== name)
}

function byName(a: EndpointSlice, b: EndpointSlice): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
