// SPDX-License-Identifier: Apache-2.0
/** All objects of all files, each once, and which Services a change of one of them concerns. */
import type { EndpointSlice, Node, ServiceKey } from '../../objects.ts'
import type { Problem } from '../source.ts'
import type { Entry } from './file.ts'
import type { Manifest, ManifestId, Mirror, Pod, ServiceManifest } from './manifest.ts'
import { labelIndex, selectorIndex } from './selector.ts'

export interface Changes {
  /** Services whose view may be another now. */
  readonly services: ReadonlySet<ServiceKey>
  /** Services whose own object was added, changed or removed: they may claim or need something else now. */
  readonly objects: ReadonlySet<ServiceKey>
}

export interface Inventory {
  readonly services: ReadonlyMap<ServiceKey, ServiceManifest>
  readonly nodes: ReadonlyMap<string, Node>
  /** Puts one file's objects in the place of those it had. */
  readonly replaceFile: (before: readonly Entry[], after: readonly Entry[]) => void
  /** The given slices of a Service: its own, else those that mirror its Endpoints object. */
  readonly slicesOf: (key: ServiceKey) => readonly EndpointSlice[]
  readonly podsOf: (manifest: ServiceManifest) => readonly Pod[]
  readonly whereIs: (id: ManifestId) => string
  readonly takeChanges: () => Changes
  /** Objects that are defined twice. */
  readonly problems: () => readonly Problem[]
}

export function createInventory(): Inventory {
  const entries = new Map<ManifestId, readonly Entry[]>()
  const doubles = new Set<ManifestId>()
  const contents = createContents()

  function update(id: ManifestId, change: (list: readonly Entry[]) => readonly Entry[]): void {
    const before = entries.get(id) ?? []
    const after = change(before)
    if (after.length === 0) entries.delete(id)
    else entries.set(id, after)
    if (after.length > 1) doubles.add(id)
    else doubles.delete(id)
    touched.set(id, touched.has(id) ? touched.get(id) : before[0]?.manifest)
  }

  const touched = new Map<ManifestId, Manifest | undefined>()

  function settle(): void {
    for (const [id, before] of touched) {
      const after = entries.get(id)?.[0]?.manifest
      if (before === after) continue
      if (before) contents.remove(before)
      if (after) contents.add(after)
    }
    touched.clear()
  }

  return {
    services: contents.services,
    nodes: contents.nodes,
    replaceFile(before, after) {
      const gone = new Set(before)
      for (const { manifest } of before) update(manifest.id, list => list.filter(entry => !gone.has(entry)))
      for (const entry of after) update(entry.manifest.id, list => (list.length === 0 ? [entry] : inOrder(list, entry)))
      settle()
    },
    slicesOf: contents.slicesOf,
    podsOf: contents.podsOf,
    whereIs: id => whereIs(entries.get(id)?.[0]) ?? id,
    takeChanges: contents.takeChanges,
    problems: () => [...doubles].sort().map(id => doubleProblem(id, entries.get(id) ?? [])),
  }
}

/** By file name, then by place in the file: the same on every node. */
function inOrder(list: readonly Entry[], entry: Entry): readonly Entry[] {
  return [...list, entry].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line))
}

function whereIs(entry: Entry | undefined): string | undefined {
  return entry && `${entry.file}:${entry.line}`
}

function doubleProblem(id: ManifestId, [first, ...others]: readonly Entry[]): Problem {
  const message = `${id} is defined in ${whereIs(first)} already, which counts: remove one of them`
  return { severity: 'error', where: whereIs(others[0]) ?? id, message }
}

type Contents = Pick<Inventory, 'services' | 'nodes' | 'slicesOf' | 'podsOf' | 'takeChanges'> & {
  readonly add: (manifest: Manifest) => void
  readonly remove: (manifest: Manifest) => void
}

function createContents(): Contents {
  const services = new Map<ServiceKey, ServiceManifest>()
  const slices = new Map<ServiceKey, Set<EndpointSlice>>()
  const mirrors = new Map<ServiceKey, Mirror>()
  const nodes = new Map<string, Node>()
  const pods = labelIndex<Pod>()
  const allPods = new Set<Pod>()
  const selectors = selectorIndex<ServiceManifest>()
  let changed = new Set<ServiceKey>()
  let objects = new Set<ServiceKey>()

  const touchPod = ({ namespace, labels }: Pod) => {
    for (const { service } of selectors.selecting(namespace, labels))
      changed.add(`${service.namespace}/${service.name}`)
  }
  const touchNode = (name: string) => {
    for (const pod of allPods) if (pod.nodeName === name) touchPod(pod)
  }
  const put = {
    Service: (key: ServiceKey, value: ServiceManifest, present: boolean) => {
      if (present) services.set(key, value)
      else services.delete(key)
      if (present) selectors.add(value, value.service.namespace, value.selector ?? {})
      else selectors.remove(value)
      changed.add(key)
      objects.add(key)
    },
    EndpointSlice: (_: string, value: EndpointSlice, present: boolean) => {
      const set = slices.get(value.service) ?? new Set()
      if (present) slices.set(value.service, set.add(value))
      else if (set.delete(value) && set.size === 0) slices.delete(value.service)
      changed.add(value.service)
    },
    Endpoints: (key: ServiceKey, value: Mirror, present: boolean) => {
      if (present) mirrors.set(key, value)
      else mirrors.delete(key)
      changed.add(key)
    },
    Pod: (_: string, value: Pod, present: boolean) => {
      pods[present ? 'add' : 'remove'](value)
      allPods[present ? 'add' : 'delete'](value)
      touchPod(value)
    },
    Node: (name: string, value: Node, present: boolean) => {
      if (present) nodes.set(name, value)
      else nodes.delete(name)
      touchNode(name)
    },
  } satisfies Record<Manifest['kind'], unknown>

  const apply = ({ kind, id, value }: Manifest, present: boolean) => {
    const set = put[kind] as (key: string, value: Manifest['value'], present: boolean) => void
    set(id.slice(kind.length + 1), value, present)
  }
  return {
    services,
    nodes,
    add: manifest => apply(manifest, true),
    remove: manifest => apply(manifest, false),
    slicesOf: key => sorted(slices.get(key)) ?? mirrors.get(key)?.slices ?? [],
    podsOf: ({ service: { namespace }, selector }) =>
      selector === undefined ? [] : pods.selectedBy(namespace, selector).toSorted(byName),
    takeChanges: () => {
      const changes = { services: changed, objects }
      changed = new Set()
      objects = new Set()
      return changes
    },
  }
}

function sorted(slices: ReadonlySet<EndpointSlice> | undefined): readonly EndpointSlice[] | undefined {
  return slices && [...slices].sort(byName)
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
