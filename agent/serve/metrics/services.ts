// SPDX-License-Identifier: Apache-2.0
/** What each Service port has served. The busiest have series of their own; the rest share one, so that their number is bounded. */
import type { ServicePortName } from '../../compile/compiled.ts'
import type { Dataplane } from '../../reconcile/dataplane.ts'
import type { Live } from '../../reconcile/live.ts'
import { readCounters, TRAFFIC } from './counters.ts'
import { Counter, type Registry } from './prom-client.ts'

export interface ServiceMetricsOptions {
  readonly dataplane: Pick<Dataplane, 'counters'>
  readonly live: () => Live
  /** Service ports with series of their own. */
  readonly limit: number
}

export interface ServiceMetrics {
  /** Reads the kernel's counters. Yields to the event loop between batches. */
  refresh(): Promise<void>
}

const HELP = {
  connections: 'Connections opened through a Service port: calls of sockets, and flows of packets.',
  packets: 'Packets translated for a Service port, both directions. The socket path translates none.',
  bytes: 'Bytes of these packets, from the network header on.',
  rejected: 'Packets and calls of sockets for a Service port that were turned away.',
} as const

const LABELS = ['namespace', 'service', 'port', 'protocol'] as const
type Labels = Readonly<Record<(typeof LABELS)[number], string>>
const OTHER: Labels = { namespace: '', service: 'other', port: '', protocol: '' }

export function createServiceMetrics(registry: Registry, options: ServiceMetricsOptions): ServiceMetrics {
  const families = TRAFFIC.map(
    name =>
      new Counter({
        name: `evenkeel_service_${name}_total`,
        help: HELP[name],
        labelNames: [...LABELS],
        registers: [registry],
      }),
  )
  const others = createOthers()
  return {
    async refresh() {
      const ids = new Map<number, ServicePortName>()
      for (const { id, name } of options.live().ports.values()) ids.set(id, name)
      const totals = await readCounters(
        options.dataplane,
        ids.keys().reduce((a, b) => Math.max(a, b), 0),
      )
      const shown = busiest(totals, [...ids.keys()], options.limit)
      others.add(totals, ids.keys(), shown)
      for (const family of families) family.reset()
      for (const id of shown) put(labelsOf(ids.get(id)!), totals.subarray(id * TRAFFIC.length))
      if (shown.size < ids.size || others.sums.some(sum => sum > 0)) put(OTHER, others.sums)
    },
  }

  function put(labels: Labels, values: Float64Array): void {
    for (const [i, family] of families.entries()) family.inc(labels, values[i]!)
  }
}

/** By connections and packets since the Service port was first seen. */
function busiest(totals: Float64Array, ids: readonly number[], limit: number): ReadonlySet<number> {
  if (ids.length <= limit) return new Set(ids)
  const weight = (id: number) => totals[id * TRAFFIC.length + CONNECTIONS]! + totals[id * TRAFFIC.length + PACKETS]!
  // Numbers alone sort ten times as fast as ids by a function.
  const least = Float64Array.from(ids, weight).sort()[ids.length - limit] ?? Number.POSITIVE_INFINITY
  const shown = new Set(ids.filter(id => weight(id) > least))
  for (const id of ids) if (shown.size < limit && weight(id) === least) shown.add(id)
  return shown
}

const CONNECTIONS = TRAFFIC.indexOf('connections')
const PACKETS = TRAFFIC.indexOf('packets')

/** Sums of what came while a Service port had no series of its own: they only grow, whoever comes and goes. */
function createOthers() {
  const sums = new Float64Array(TRAFFIC.length)
  let before: Float64Array = new Float64Array(0)
  return {
    sums,
    add(totals: Float64Array, ids: Iterable<number>, shown: ReadonlySet<number>): void {
      for (const id of ids) {
        if (shown.has(id)) continue
        for (let field = 0; field < TRAFFIC.length; field++) {
          const at = id * TRAFFIC.length + field
          const [now, last] = [totals[at]!, before[at] ?? 0]
          // Less than before: the id has been given to another Service port.
          sums[field]! += now >= last ? now - last : now
        }
      }
      before = totals
    },
  }
}

const NAME = /^([^/]*)\/([^:/]*)(?::([^/]*))?\/(.*)$/

/** Of "namespace/name:port/PROTO". */
function labelsOf(name: ServicePortName): Labels {
  const [, namespace = '', service = '', port = '', protocol = ''] = NAME.exec(name) ?? []
  return { namespace, service, port, protocol }
}
