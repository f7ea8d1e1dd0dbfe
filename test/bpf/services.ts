// SPDX-License-Identifier: Apache-2.0
/** Writes Services into the maps of a dataplane as the agent would: backends, then tables, then frontends. */
import {
  BackendFlag,
  BackendState,
  BLOCK_SIZE,
  type Frontend,
  FrontendFlag,
  type FrontendKey,
  Scope,
} from '../../agent/kernel/layout.gen.ts'
import { mappedBytes } from '../packet/address.ts'
import type { Dataplane } from './harness.ts'
import { poolRun } from './pool.ts'

export interface Endpoint {
  readonly address: string
  readonly port: number
}

export interface Backend extends Endpoint {
  /** On this node; default false. */
  readonly local?: boolean
}

export interface Dialled extends Endpoint {
  /** PROTO.TCP or the like. */
  readonly proto: number
  /** Of the client; default Scope.CLUSTER. */
  readonly scope?: Scope
}

export interface ServiceFields {
  readonly frontends: readonly Dialled[]
  readonly backends: readonly Backend[]
  /** Seconds; 0: none. */
  readonly affinity?: number
  /** An empty pool drops and does not refuse. */
  readonly drop?: boolean
  /** Only clients in ek_ranges. */
  readonly ranges?: boolean
  /** Backends elsewhere answer outside clients directly. */
  readonly dsr?: boolean
}

export interface Service {
  readonly id: number
  /** Backend ids, in the order of the description. */
  readonly backends: readonly number[]
}

const ids = new WeakMap<Dataplane, { service: number; backend: number; block: number }>()

function idsOf(dataplane: Dataplane): { service: number; backend: number; block: number } {
  const known = ids.get(dataplane) ?? { service: 1, backend: 1, block: 0 }
  ids.set(dataplane, known)
  return known
}

/** Also stands up each frontend's address, which refuses the ports that no Service has. */
export function addService(dataplane: Dataplane, fields: ServiceFields): Service {
  const next = idsOf(dataplane)
  const service = next.service++
  const backends = fields.backends.map(endpoint => {
    const id = next.backend++
    setBackend(dataplane, id, service, endpoint, { flags: endpoint.local ? BackendFlag.LOCAL : 0 })
    return id
  })
  setPool(
    dataplane,
    service,
    fields,
    fields.backends.map((endpoint, i) => ({ ...endpoint, id: backends[i]! })),
  )
  for (const { address, scope } of fields.frontends) if (scope !== Scope.EXTERNAL) addAddress(dataplane, address)
  return { id: service, backends }
}

/** Makes a new table of these backends and points the frontends at it. */
export function setPool(
  dataplane: Dataplane,
  service: number,
  fields: ServiceFields,
  members: readonly (Endpoint & { readonly id: number })[],
): void {
  const next = idsOf(dataplane)
  const { bytes, size } = poolRun(members)
  const table = next.block
  for (let at = 0; at < bytes.length; at += BLOCK_SIZE)
    dataplane.tables.update(next.block++, bytes.subarray(at, at + BLOCK_SIZE))
  const flags =
    (fields.drop ? FrontendFlag.DROP : 0) |
    (fields.ranges ? FrontendFlag.RANGES : 0) |
    (fields.dsr ? FrontendFlag.DSR : 0)
  const value: Frontend = {
    service,
    table,
    size,
    backends: members.length,
    affinity: fields.affinity ?? 0,
    pool: 0,
    flags,
  }
  for (const dialled of fields.frontends) dataplane.frontends.update(frontendKey(dialled), value)
}

export function frontendKey({ address, port, proto, scope = Scope.CLUSTER }: Dialled): FrontendKey {
  return { addr: mappedBytes(address), port, proto, scope }
}

export interface BackendFields {
  readonly generation?: number
  readonly state?: number
  readonly pools?: number
  readonly flags?: number
}

export function setBackend(
  dataplane: Dataplane,
  id: number,
  service: number,
  endpoint: Endpoint,
  fields: BackendFields = {},
): void {
  const { generation = 1, state = BackendState.ACTIVE, pools = 1, flags = 0 } = fields
  const addr = mappedBytes(endpoint.address)
  dataplane.backends.update(id, { addr, port: endpoint.port, state, pools, generation, service, flags })
}

/** A clusterIP: every port of it that no Service has is refused. */
export function addAddress(dataplane: Dataplane, address: string): void {
  const value: Frontend = {
    service: 0,
    table: 0,
    size: 0,
    backends: 0,
    affinity: 0,
    pool: 0,
    flags: FrontendFlag.ADDRESS,
  }
  dataplane.frontends.update({ addr: mappedBytes(address), port: 0, proto: 0, scope: Scope.CLUSTER }, value)
}
