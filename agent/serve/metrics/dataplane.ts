// SPDX-License-Identifier: Apache-2.0
/** The dataplane: how full maps are, which flows there are, what was turned away, where programs are attached. */
import { FlowState, flowStateName, Reason, reasonName } from '../../kernel/layout.gen.ts'
import type { Role } from '../../reconcile/attached-devices.ts'
import type { Dataplane } from '../../reconcile/dataplane.ts'
import type { Used } from '../../reconcile/driver.ts'
import type { Swept } from '../../reconcile/sweep.ts'
import { Counter, Gauge, Histogram, type Registry } from './prom-client.ts'

export interface DataplaneState {
  readonly dataplane: Dataplane
  readonly used: () => Used
  /** How many devices have our programs. */
  readonly devices: () => Readonly<Record<Role, number>>
  /** Hooks of the socket path that are attached, of those that should be. */
  readonly hooks: () => { readonly attached: number; readonly wanted: number }
}

export interface DataplaneMetrics {
  swept(swept: Swept, seconds: number): void
}

const SWEEP_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60]

export function createDataplaneMetrics(registry: Registry, state: DataplaneState): DataplaneMetrics {
  const registers = [registry]
  let last: Swept | undefined
  sizes(registry, state.dataplane)
  const entries = new Gauge({
    name: 'evenkeel_map_entries',
    help: 'Elements in use. Flows, affinity and sockets: as the last sweep left them.',
    labelNames: ['map'],
    registers,
    collect() {
      for (const [map, used] of Object.entries(usedBy(state.dataplane, state.used(), last))) entries.set({ map }, used)
    },
  })
  const flows = new Gauge({
    name: 'evenkeel_flows',
    help: 'Connections that the packet path tracks, by state, as the last sweep left them.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const flow of Object.values(FlowState))
        flows.set({ state: flowStateName(flow).toLowerCase() }, last?.states.get(flow) ?? 0)
    },
  })
  const rejected = new Counter({
    name: 'evenkeel_rejected_total',
    help: 'Packets and calls of sockets that were refused, dropped or answered in the place of the backend, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      rejected.reset()
      for (const [reason, n] of state.dataplane.reasons.sums())
        if (reason !== Reason.NONE) rejected.inc({ reason: reasonName(reason) }, Number(n))
    },
  })
  const devices = new Gauge({
    name: 'evenkeel_devices_attached',
    help: 'Devices that have our programs, by what they lead to.',
    labelNames: ['role'],
    registers,
    collect() {
      for (const [role, n] of Object.entries(state.devices())) devices.set({ role }, n)
    },
  })
  const hooks = new Gauge({
    name: 'evenkeel_socket_hooks',
    help: "The socket path's programs: how many should be attached to the cgroup (0: not configured), and how many are.",
    labelNames: ['state'],
    registers,
    collect() {
      const { attached, wanted } = state.hooks()
      hooks.set({ state: 'attached' }, attached)
      hooks.set({ state: 'wanted' }, wanted)
    },
  })
  const duration = new Histogram({
    name: 'evenkeel_sweep_duration_seconds',
    help: 'How long a look through flows, affinity and sockets took.',
    buckets: SWEEP_BUCKETS,
    registers,
  })
  return {
    swept(swept, seconds) {
      last = swept
      duration.observe(seconds)
    },
  }
}

function sizes(
  registry: Registry,
  { frontends, backends, tables, services, flows, affinity, sockets }: Dataplane,
): void {
  const size = new Gauge({
    name: 'evenkeel_map_size',
    help: 'Elements that a map has room for.',
    labelNames: ['map'],
    registers: [registry],
  })
  for (const map of [frontends, backends, tables, services, flows, affinity, ...Object.values(sockets ?? {})])
    size.set({ map: map.layout.name }, map.maxEntries)
}

/** By the name of the map. The agent knows what it has written; what programs write is counted by each sweep. */
function usedBy(dataplane: Dataplane, used: Used, swept: Swept | undefined): Record<string, number> {
  const { frontends, backends, tables, services, flows, affinity, sockets } = dataplane
  return {
    [frontends.layout.name]: used.frontends,
    [backends.layout.name]: used.backends,
    [tables.layout.name]: used.tables,
    [services.layout.name]: used.services,
    [flows.layout.name]: swept?.flowsLeft ?? 0,
    [affinity.layout.name]: swept?.affinityLeft ?? 0,
    ...(sockets && {
      [sockets.orig.layout.name]: swept?.origLeft ?? 0,
      [sockets.choices.layout.name]: swept?.choicesLeft ?? 0,
    }),
  }
}
