// SPDX-License-Identifier: Apache-2.0
/** What a lab looks like now. */
import type { Addresses, Plan } from './plan.ts'
import { isAlive } from './process.ts'
import { type LabProcess, type LabState, labNames, labPaths, readState } from './state.ts'

export interface PlaceStatus {
  /** As `lab exec` takes it. */
  readonly name: string
  readonly kind: 'node' | 'pod' | 'router' | 'outside'
  readonly addresses: Addresses
  /** The agent of a node, the server of a pod. */
  readonly process: 'running' | 'ended' | 'none'
  readonly pid?: number
}

export interface LabStatus {
  readonly name: string
  readonly phase: LabState['phase'] | 'left behind'
  readonly manifests: string
  readonly places: readonly PlaceStatus[]
}

export async function labStatus(name: string): Promise<LabStatus | undefined> {
  const state = await readState(name)
  if (state === undefined) return undefined
  const { manifests } = labPaths(name)
  if (state === 'unreadable') return { name, phase: 'left behind', manifests, places: [] }
  const dead = state.phase === 'starting' && !isAlive(state.owner)
  return { name, phase: dead ? 'left behind' : state.phase, manifests, places: placesOf(state) }
}

export async function allStatuses(): Promise<LabStatus[]> {
  const statuses = await Promise.all((await labNames()).map(labStatus))
  return statuses.filter(status => status !== undefined)
}

function placesOf({ plan, processes }: LabState): PlaceStatus[] {
  return [
    ...nodesOf(plan, processes),
    ...podsOf(plan, processes),
    ...withoutProcess(plan.routers, 'router'),
    ...withoutProcess(plan.outside, 'outside'),
  ]
}

function nodesOf({ nodes }: Plan, processes: readonly LabProcess[]): PlaceStatus[] {
  return nodes.map(({ name, addresses }) => {
    const agent = processes.find(({ role, of }) => role === 'agent' && of === name)
    return { name, kind: 'node', addresses, ...processOf(agent) }
  })
}

function podsOf({ pods }: Plan, processes: readonly LabProcess[]): PlaceStatus[] {
  return pods.map(({ name, node, addresses }) => {
    const server = processes.find(({ role, of }) => role === 'server' && of === name)
    return { name: `${node}/${name}`, kind: 'pod', addresses, ...processOf(server) }
  })
}

function withoutProcess(
  places: readonly { readonly name: string; readonly addresses: Addresses }[],
  kind: PlaceStatus['kind'],
): PlaceStatus[] {
  return places.map(({ name, addresses }) => ({ name, kind, addresses, process: 'none' }))
}

function processOf(known: LabProcess | undefined): Pick<PlaceStatus, 'process' | 'pid'> {
  if (!known) return { process: 'none' }
  return isAlive(known) ? { process: 'running', pid: known.pid } : { process: 'ended' }
}
