// SPDX-License-Identifier: Apache-2.0
/**
 * Gives Services the cluster IPs and node ports that they ask for. Pure: the same Services and the same earlier grants give the same
 * answer on every node, since a value is sought from the hash of the Service's name on, in one order of all Services.
 */
import type { Protocol, ServiceKey } from '../../objects.ts'
import { type Claims, claimsOf, type Slot, type SlotName } from './claims.ts'
import type { ServiceManifest } from './manifest.ts'
import type { Range, Ranges } from './ranges.ts'

/** What was allocated, not given, to one Service. */
export interface Grant {
  readonly slots: Readonly<Record<SlotName, string>>
  /** Milliseconds since the epoch when the Service was seen to be gone: until it is forgotten, others get its values only in need. */
  readonly gone?: number
}

export type Grants = ReadonlyMap<ServiceKey, Grant>

export interface Allocation {
  readonly grants: Grants
  /** Everything a Service has now, given and allocated. */
  readonly slots: ReadonlyMap<ServiceKey, ReadonlyMap<SlotName, string>>
  readonly refusals: readonly Refusal[]
}

/** Why a Service did not get something. */
export interface Refusal {
  readonly service: ServiceKey
  readonly message: string
}

/** Gone Services keep their values this long, so that agents that read the folder a moment apart do not undo each other. */
export const RELEASE_AFTER_MS = 60_000

const KUBERNETES: ServiceKey = 'default/kubernetes'

export function allocate(
  services: ReadonlyMap<ServiceKey, ServiceManifest>,
  earlier: Grants,
  ranges: Ranges,
  now: number,
): Allocation {
  const ordered = [...services].sort(byAge).map(([key, manifest]) => ({ key, claims: claimsOf(manifest, ranges) }))
  const ledger = createLedger(ranges, heldValues(services, earlier))
  for (const { key, claims } of ordered) takeGiven(ledger, key, claims)
  for (const { key, claims } of ordered) takeEarlier(ledger, key, claims, earlier.get(key))
  for (const { key, claims } of ordered) takeNew(ledger, key, claims)
  const kept = keepGone(services, earlier, now)
  return { grants: new Map([...kept, ...ledger.grants]), slots: ledger.slots, refusals: ledger.refusals }
}

/** The oldest first, those of unknown age last, then by name. */
function byAge([a, x]: readonly [string, ServiceManifest], [b, y]: readonly [string, ServiceManifest]): number {
  const [one, other] = [x.service.created || Infinity, y.service.created || Infinity]
  if (one !== other) return one < other ? -1 : 1
  return a < b ? -1 : 1
}

/** Values of Services that are gone, but not yet forgotten. */
function heldValues(services: ReadonlyMap<ServiceKey, unknown>, earlier: Grants): ReadonlySet<string> {
  return new Set([...earlier].flatMap(([key, { slots }]) => (services.has(key) ? [] : Object.values(slots))))
}

function keepGone(services: ReadonlyMap<ServiceKey, unknown>, earlier: Grants, now: number): Grants {
  const gone = [...earlier].filter(([key]) => !services.has(key))
  const marked = gone.map(([key, grant]) => [key, { ...grant, gone: grant.gone ?? now }] as const)
  return new Map(marked.filter(([, grant]) => now - grant.gone < RELEASE_AFTER_MS))
}

interface Ledger {
  readonly ranges: Ranges
  readonly held: ReadonlySet<string>
  /** An address, or "port/PROTOCOL", to who has it. */
  readonly owners: Map<string, ServiceKey>
  readonly slots: Map<ServiceKey, Map<SlotName, string>>
  readonly grants: Map<ServiceKey, { slots: Record<SlotName, string> }>
  readonly refusals: Refusal[]
  /** Ranges that have nothing left. */
  readonly exhausted: Set<Range>
}

function createLedger(ranges: Ranges, held: ReadonlySet<string>): Ledger {
  const grants: Ledger['grants'] = new Map()
  return { ranges, held, owners: new Map(), slots: new Map(), grants, refusals: [], exhausted: new Set() }
}

const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']

function tokenOf(slot: Slot, value: string): string {
  return slot.pool === 'nodePort' ? `${value}/${slot.protocol}` : value
}

/** A node port is given to one Service for all protocols. */
function isFree(ledger: Ledger, slot: Slot, value: string): boolean {
  if (slot.pool !== 'nodePort') return !ledger.owners.has(value)
  return PROTOCOLS.every(protocol => !ledger.owners.has(`${value}/${protocol}`))
}

function own(ledger: Ledger, key: ServiceKey, slot: Slot, value: string): void {
  ledger.owners.set(tokenOf(slot, value), key)
  const slots = ledger.slots.get(key) ?? new Map<SlotName, string>()
  ledger.slots.set(key, slots.set(slot.name, value))
}

function grant(ledger: Ledger, key: ServiceKey, slot: Slot, value: string): void {
  own(ledger, key, slot, value)
  const grant = ledger.grants.get(key) ?? { slots: {} }
  grant.slots[slot.name] = value
  ledger.grants.set(key, grant)
}

function rangeOf({ ranges }: Ledger, { pool }: Slot): Range | undefined {
  return pool === 'nodePort' ? ranges.nodePort : ranges.clusterIP[pool]
}

function refuse(ledger: Ledger, service: ServiceKey, message: string): void {
  ledger.refusals.push({ service, message: `Service ${service}: ${message}` })
}

function takeGiven(ledger: Ledger, key: ServiceKey, { slots, missing }: Claims): void {
  if (missing !== undefined) {
    refuse(ledger, key, `spec.ipFamilies: there is no ${missing} range to take a cluster IP from: ${ADD_RANGE}`)
  }
  for (const slot of slots) {
    if (slot.given === undefined) continue
    const owner = ledger.owners.get(tokenOf(slot, slot.given))
    const { nodePort } = ledger.ranges
    if (slot.pool === 'nodePort' && !nodePort.contains(slot.given)) {
      const advice = 'choose one inside or leave it out, or widen nodePortRange'
      refuse(ledger, key, `${slot.field}: ${slot.given} is outside the node port range ${nodePort.text}: ${advice}`)
    } else if (owner === undefined) own(ledger, key, slot, slot.given)
    else if (owner === key)
      refuse(ledger, key, `${slot.field}: ${slot.given} stands twice in this Service: choose another`)
    else refuse(ledger, key, taken(slot, slot.given, owner))
  }
}

const ADD_RANGE = 'ask for the other family, or add such a range to serviceCIDRs'

function taken(slot: Slot, value: string, owner: ServiceKey): string {
  return `${slot.field}: ${value} is taken by Service ${owner}: choose another or leave it out; until then this Service goes without`
}

function takeEarlier(ledger: Ledger, key: ServiceKey, { slots }: Claims, earlier: Grant | undefined): void {
  for (const slot of slots) {
    const value = earlier?.slots[slot.name]
    if (value === undefined || slot.given !== undefined) continue
    if (rangeOf(ledger, slot)?.contains(value) && isFree(ledger, slot, value)) grant(ledger, key, slot, value)
  }
}

function takeNew(ledger: Ledger, key: ServiceKey, { slots }: Claims): void {
  for (const slot of slots) {
    if (slot.given !== undefined || ledger.slots.get(key)?.has(slot.name)) continue
    const range = rangeOf(ledger, slot)
    if (range === undefined) continue
    const value = seek(ledger, key, slot, range)
    if (value !== undefined) grant(ledger, key, slot, value)
    else refuse(ledger, key, exhausted(slot, range))
  }
}

function exhausted(slot: Slot, range: Range): string {
  if (slot.pool !== 'nodePort') {
    return `${slot.field}: no address is left in ${range.text}: remove Services, or configure a larger range in serviceCIDRs`
  }
  return `${slot.field}: no port is left in ${range.text}: remove Services, or widen nodePortRange`
}

function seek(ledger: Ledger, key: ServiceKey, slot: Slot, range: Range): string | undefined {
  if (ledger.exhausted.has(range)) return undefined
  const found = probe(ledger, key, slot, range, ledger.held) ?? probe(ledger, key, slot, range, new Set())
  if (found === undefined && key !== KUBERNETES) ledger.exhausted.add(range)
  return found
}

/** Linear probing from the hash on. Of addresses the first is for the API server's own Service, which clients expect there. */
function probe(
  ledger: Ledger,
  key: ServiceKey,
  slot: Slot,
  range: Range,
  avoid: ReadonlySet<string>,
): string | undefined {
  const reserved = slot.pool !== 'nodePort'
  const start = reserved && key === KUBERNETES ? 0 : hash(`${key}\0${slot.name}`) % range.size
  for (let step = 0; step < range.size; step++) {
    const index = (start + step) % range.size
    if (reserved && index === 0 && key !== KUBERNETES) continue
    const value = range.at(index)
    if (!avoid.has(value) && isFree(ledger, slot, value)) return value
  }
  return undefined
}

/** FNV-1a, 32 bits, over UTF-16 code units, with the finalizer of MurmurHash3 since the low bits choose. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
