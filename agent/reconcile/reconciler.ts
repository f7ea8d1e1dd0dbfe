// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the maps say what compile/ said. Make before break: backends and tables, then frontends; what is no longer needed goes in
 * the reverse order. A crash between any two writes leaves maps that serve, and the next start repairs them.
 */
import type { CompiledPort, CompiledService, ServicePortName } from '../compile/compiled.ts'
import type { ServiceKey } from '../objects.ts'
import { type Arena, arena } from './arena.ts'
import { backendSlots } from './backend-slots.ts'
import type { Dataplane } from './dataplane.ts'
import { finishPort, finishRemoval } from './finish.ts'
import { type IdPool, idPool } from './ids.ts'
import type { Live } from './live.ts'
import { newPass, type Pass, preparePort } from './prepare.ts'
import { publish } from './publish.ts'
import { restore } from './restore.ts'

/** Services as they are to be: only with the frontends that are their own. undefined: no longer there. A Map is one. */
export interface DesiredServices extends Iterable<readonly [ServiceKey, CompiledService | undefined]> {
  readonly size: number
  has(key: ServiceKey): boolean
}

/** A Service that could not be written; what it had before stays. */
export interface Failure {
  readonly service: ServiceKey
  readonly message: string
}

export interface Reconciler {
  readonly live: Live
  readonly services: IdPool
  readonly backends: IdPool
  readonly arena: Arena
  /**
   * Writes these Services. `whole`: they are all there are, so that every other one in the maps goes. Throws KernelError when the
   * kernel refuses a batch; what was written before stays and serves.
   */
  apply(desired: DesiredServices, whole: boolean): Failure[]
}

export interface ReconcilerOptions {
  /** Milliseconds of a steady clock. */
  readonly now?: () => number
}

/** Takes over what the maps hold. */
export function reconciler(dataplane: Dataplane, options: ReconcilerOptions = {}): Reconciler {
  const now = options.now ?? (() => performance.now())
  const services = idPool('services', Math.min(dataplane.services.maxEntries, dataplane.counters.maxEntries))
  const backends = idPool('backends', dataplane.backends.maxEntries)
  const tables = arena(dataplane.tables.maxEntries, now)
  const slots = backendSlots(dataplane.backends)
  const live = restore(dataplane, { slots, services, backends, arena: tables })
  const parts = { dataplane, live, slots, services, backends, arena: tables }
  return {
    live,
    services,
    backends,
    arena: tables,
    apply(desired, whole) {
      const all = whole ? withLeftovers(live, desired) : desired
      const pass = newPass(parts)
      const failures: Failure[] = []
      for (const [key, service] of all) {
        const failure = prepareService(pass, key, service)
        if (failure !== undefined) failures.push({ service: key, message: failure })
      }
      publish(pass, whole)
      for (const prepared of pass.prepared) finishPort(pass, prepared)
      for (const port of pass.removed) finishRemoval(pass, port)
      if (whole) for (const run of live.strays.splice(0)) tables.release(run)
      return failures
    },
  }
}

/** Every Service that is in the maps but not among the desired ones is to go. */
function* withLeftovers(
  live: Live,
  desired: DesiredServices,
): Iterable<readonly [ServiceKey, CompiledService | undefined]> {
  yield* desired
  for (const key of live.byService.keys()) if (!desired.has(key)) yield [key, undefined]
}

function prepareService(pass: Pass, key: ServiceKey, service: CompiledService | undefined): string | undefined {
  const ports: readonly CompiledPort[] = service?.ports ?? []
  let failure: string | undefined
  for (const port of ports) {
    try {
      preparePort(pass, port)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      failure = `Service ${key}: ${error.message}`
    }
  }
  const before = pass.live.byService.get(key)
  if (before === undefined) return failure
  const wanted = new Set<ServicePortName>(ports.map(port => port.name))
  for (const name of before) if (!wanted.has(name)) pass.removed.push(pass.live.ports.get(name)!)
  return failure
}
