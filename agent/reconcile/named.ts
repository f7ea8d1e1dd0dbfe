// SPDX-License-Identifier: Apache-2.0
/** Which ids are still named by flows, affinity entries and sockets. */
import type { Tuple } from '../kernel/layout.gen.ts'
import type { Dataplane } from './dataplane.ts'

export interface NamedIds {
  readonly services: ReadonlySet<number>
  readonly backends: ReadonlySet<number>
}

/** Reads these maps whole, in batches. `onFlow` is told of each flow's key. */
export function namedIds(dataplane: Dataplane, onFlow: (key: Tuple) => void): NamedIds {
  const services = new Set<number>()
  const backends = new Set<number>()
  for (const [key, flow] of dataplane.flows.entries()) {
    onFlow(key)
    services.add(flow.service)
    backends.add(flow.backend)
  }
  for (const [key, affinity] of dataplane.affinity.entries()) {
    services.add(key.service)
    backends.add(affinity.backend)
  }
  for (const map of Object.values(dataplane.sockets ?? {}))
    for (const [, socket] of map.entries()) {
      services.add(socket.service)
      backends.add(socket.backend)
    }
  return { services, backends }
}
