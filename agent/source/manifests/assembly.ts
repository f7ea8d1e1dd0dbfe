// SPDX-License-Identifier: Apache-2.0
/** Files in, views of Services out: inventory, allocation and endpoints put together. */
import { isDeepStrictEqual } from 'node:util'
import type { EndpointSlice, Node, ServiceKey, ServiceView } from '../../objects.ts'
import type { Problem } from '../source.ts'
import { familyOf } from './address.ts'
import type { Allocation } from './allocate.ts'
import type { Allocator } from './allocations.ts'
import { claimsOf, withSlots } from './claims.ts'
import { slicesFromPods } from './endpoints.ts'
import { type ManifestFile, readManifestFile } from './file.ts'
import { createInventory } from './inventory.ts'
import type { ServiceManifest } from './manifest.ts'
import type { Ranges } from './ranges.ts'

export interface Assembly {
  readonly putFile: (file: string, bytes: Buffer) => void
  /** The file is there, but can't be read: it counts as it was. */
  readonly putUnreadable: (file: string, reason: string) => void
  readonly removeFile: (file: string) => void
  /** Views that differ from those of the call before; undefined: gone. When it rejects, the next call makes up for it. */
  readonly takeChanges: () => Promise<ReadonlyMap<ServiceKey, ServiceView | undefined>>
  readonly nodes: ReadonlyMap<string, Node>
  readonly problems: () => readonly Problem[]
  /** Some file holds objects that could never be read. */
  readonly incomplete: () => boolean
}

const UNREAD: ManifestFile = {
  entries: [],
  problems: [],
  unknownKinds: new Map(),
  documents: new Map(),
  incomplete: true,
}

export function createAssembly(ranges: Ranges, allocator: Allocator): Assembly {
  const inventory = createInventory()
  const files = new Map<string, ManifestFile>()
  const views = new Map<ServiceKey, ServiceView>()
  let pending = new Set<ServiceKey>()
  let changedObjects: Set<ServiceKey> | 'all' = 'all'
  let settled: ReadonlyMap<ServiceKey, ServiceManifest> = new Map()
  let allocation: Allocation = { grants: new Map(), slots: new Map(), refusals: [] }

  function put(file: string, after: ManifestFile | undefined): void {
    inventory.replaceFile(files.get(file)?.entries ?? [], after?.entries ?? [])
    if (after) files.set(file, after)
    else files.delete(file)
  }

  /** Whether it claims and needs what it did when allocation ran last. */
  function isSettled(key: ServiceKey): boolean {
    const [before, now] = [settled.get(key), inventory.services.get(key)]
    if (before === undefined || now === undefined) return before === now
    if (before.service.created !== now.service.created) return false
    return isDeepStrictEqual(claimsOf(before, ranges), claimsOf(now, ranges))
  }

  async function settleClaims(): Promise<void> {
    if (changedObjects !== 'all' && [...changedObjects].every(isSettled)) {
      changedObjects = new Set()
      return
    }
    const services = new Map(inventory.services)
    const next = await allocator.allocate(services)
    for (const key of inventory.services.keys()) {
      if (!sameSlots(allocation.slots.get(key), next.slots.get(key))) pending.add(key)
    }
    allocation = next
    settled = services
    changedObjects = new Set()
  }

  function viewOf(key: ServiceKey): ServiceView | undefined {
    const manifest = inventory.services.get(key)
    if (manifest === undefined) return undefined
    const service = withSlots(manifest, allocation.slots.get(key) ?? new Map(), ranges)
    return { service, slices: slicesOf({ ...manifest, service }, key) }
  }

  /** Given slices are the truth of an API server; else those of a selector's Pods. */
  function slicesOf(manifest: ServiceManifest, key: ServiceKey): readonly EndpointSlice[] {
    const given = inventory.slicesOf(key)
    if (given.length > 0 || manifest.selector === undefined) return given
    const own = manifest.service.clusterIPs.filter(ip => ip !== 'None').map(familyOf)
    const families =
      own.length > 0 ? own : manifest.ipFamilies.length > 0 ? manifest.ipFamilies : ranges.families.slice(0, 1)
    return slicesFromPods(manifest, families, inventory.podsOf(manifest), inventory.nodes)
  }

  return {
    putFile: (file, bytes) => {
      const before = files.get(file)
      put(file, readManifestFile(file, bytes, before === UNREAD ? undefined : before))
    },
    putUnreadable: (file, reason) => {
      const problem: Problem = {
        severity: 'error',
        where: file,
        message: `can't be read (${reason}): make it readable`,
        unread: true,
      }
      put(file, { ...(files.get(file) ?? UNREAD), problems: [problem] })
    },
    removeFile: file => put(file, undefined),
    nodes: inventory.nodes,
    incomplete: () => [...files.values()].some(file => file.incomplete),
    async takeChanges() {
      const changes = inventory.takeChanges()
      for (const key of changes.services) pending.add(key)
      if (changedObjects !== 'all') for (const key of changes.objects) changedObjects.add(key)
      await settleClaims()
      const updates = new Map<ServiceKey, ServiceView | undefined>()
      for (const key of pending) {
        const view = viewOf(key)
        if (isDeepStrictEqual(view, views.get(key))) continue
        updates.set(key, view)
        if (view) views.set(key, view)
        else views.delete(key)
      }
      pending = new Set()
      return updates
    },
    problems: () => [
      ...[...files.values()].flatMap(({ problems }) => problems),
      ...inventory.problems(),
      ...allocation.refusals.map(refusal => ({
        severity: 'error' as const,
        where: inventory.whereIs(`Service ${refusal.service}`),
        message: refusal.message,
      })),
      ...unknownKindProblems(files.values()),
    ],
  }
}

function sameSlots(a: ReadonlyMap<string, string> | undefined, b: ReadonlyMap<string, string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.size !== b.size) return false
  for (const [name, value] of a) if (b.get(name) !== value) return false
  return true
}

/** One warning a kind, at its first object. */
function unknownKindProblems(files: Iterable<ManifestFile>): readonly Problem[] {
  const first = new Map<string, string>()
  for (const { unknownKinds } of files) {
    for (const [kind, where] of unknownKinds) if (!first.has(kind)) first.set(kind, where)
  }
  const read = 'only Service, EndpointSlice, Endpoints, Pod and Node count here'
  return [...first].map(([kind, where]) => ({
    severity: 'warning',
    where,
    message: `kind ${kind} is ignored: ${read}`,
  }))
}
