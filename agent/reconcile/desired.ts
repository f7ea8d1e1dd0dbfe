// SPDX-License-Identifier: Apache-2.0
/** What the maps should say, kept up to date Service by Service. */
import { claimIndex } from '../compile/claims.ts'
import type { CompiledPort, CompiledService, Frontend } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import { claimsOfService, compileService } from '../compile/service.ts'
import type { ServiceKey, ServiceView } from '../objects.ts'
import { addChange, type Changes, noChanges } from './changes.ts'
import { createLocalless, type Localless } from './localless.ts'
import type { DesiredServices } from './reconciler.ts'

export interface DesiredState {
  /**
   * The Services whose frontends, backends or tables may be others after these changes. With a context (another own node) every
   * Service may be.
   */
  update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>, context?: CompileContext): DesiredServices
  /** Every Service. */
  all(): DesiredServices
  /** What the updates since the last call were about. */
  takeChanges(): Changes
  /** Services that drop what comes to a Local policy. Kept up to date as they are compiled. */
  readonly localless: Localless
  /** What the source told of a Service last. */
  view(key: ServiceKey): ServiceView | undefined
  /** All Services that the source told of. */
  keys(): Iterable<ServiceKey>
  readonly context: CompileContext
  /** All warnings that stand now about Services that were asked for. */
  warnings(): string[]
}

/**
 * Holds what the source told, not what it compiles to: a Service is compiled when it is its turn to be written, so that of very
 * many one is in memory at a time.
 */
export function desiredState(initial: CompileContext): DesiredState {
  let context = initial
  const views = new Map<ServiceKey, ServiceView>()
  /** Of the few that have any: they are asked for after each change. */
  const warned = new Map<ServiceKey, readonly string[]>()
  const claims = claimIndex()
  const localless = createLocalless()
  let changes = noChanges()

  /** Which frontends a Service has does not depend on its endpoints. */
  function claim(key: ServiceKey, view: ServiceView | undefined): readonly ServiceKey[] {
    return claims.update(key, view && claimsOfService(view.service, context))
  }

  function compile(key: ServiceKey): CompiledService | undefined {
    const view = views.get(key)
    const service = view && compileService(view, context)
    if (service && service.warnings.length > 0) warned.set(key, service.warnings)
    else warned.delete(key)
    const own = service && owned(service)
    localless.set(key, own)
    return own
  }

  function owned(service: CompiledService): CompiledService {
    const isOwn = (port: CompiledPort) => (frontend: Frontend) => claims.owner(port, frontend) === service.key
    if (service.ports.every(port => port.frontends.length > 0 && port.frontends.every(isOwn(port)))) return service
    const ports = service.ports.map(port => ({ ...port, frontends: port.frontends.filter(isOwn(port)) }))
    return { ...service, ports: ports.filter(port => port.frontends.length > 0) }
  }

  function onTurn(keys: ReadonlySet<ServiceKey> | ReadonlyMap<ServiceKey, unknown>): DesiredServices {
    return {
      size: keys.size,
      has: key => keys.has(key),
      *[Symbol.iterator]() {
        for (const key of keys.keys()) yield [key, compile(key)]
      },
    }
  }

  return {
    update(services, other) {
      context = other ?? context
      const affected = new Set<ServiceKey>()
      for (const [key, view] of services) {
        addChange(changes, views.get(key), view)
        if (view) views.set(key, view)
        else views.delete(key)
      }
      for (const key of other ? views.keys() : []) affected.add(key)
      for (const key of services.keys()) affected.add(key)
      for (const key of [...affected]) for (const rival of claim(key, views.get(key))) affected.add(rival)
      return onTurn(affected)
    },
    all: () => onTurn(views),
    takeChanges() {
      const taken = changes
      changes = noChanges()
      return taken
    },
    localless,
    view: key => views.get(key),
    keys: () => views.keys(),
    get context() {
      return context
    },
    warnings: () => [...[...warned.values()].flat(), ...claims.warnings()],
  }
}
