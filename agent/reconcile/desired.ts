// SPDX-License-Identifier: Apache-2.0
/** What the maps should say, kept up to date Service by Service. */
import { claimIndex } from '../compile/claims.ts'
import type { CompiledPort, CompiledService, Frontend } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import { compileService } from '../compile/service.ts'
import type { ServiceKey, ServiceView } from '../objects.ts'
import type { DesiredServices } from './reconciler.ts'

export interface DesiredState {
  /** The Services whose frontends, backends or tables may be others after these changes. */
  update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>): DesiredServices
  /** Another own node: every Service may mean something else. */
  setContext(context: CompileContext): DesiredServices
  /** Every Service. `known`: what is compiled already. */
  all(known?: DesiredServices): DesiredServices
  /** All warnings that stand now. */
  warnings(): string[]
}

/** Holds what the source told, not what it compiles to: that is done again for the few Services that are asked for again. */
export function desiredState(initial: CompileContext): DesiredState {
  let context = initial
  const views = new Map<ServiceKey, ServiceView>()
  /** Of the few that have any: they are asked for after each change. */
  const warned = new Map<ServiceKey, readonly string[]>()
  const claims = claimIndex()

  function record(key: ServiceKey, view: ServiceView | undefined): CompiledService | undefined {
    const service = view && compileService(view, context)
    if (view) views.set(key, view)
    else views.delete(key)
    if (service && service.warnings.length > 0) warned.set(key, service.warnings)
    else warned.delete(key)
    return service
  }

  function owned(key: ServiceKey, service: CompiledService | undefined): CompiledService | undefined {
    if (service?.ports.every(port => port.frontends.length > 0 && port.frontends.every(isOwn(port)))) return service
    const ports = service?.ports.map(port => ({ ...port, frontends: port.frontends.filter(isOwn(port)) }))
    return service && ports && { ...service, ports: ports.filter(port => port.frontends.length > 0) }

    function isOwn(port: CompiledPort): (frontend: Frontend) => boolean {
      return frontend => claims.owner(port, frontend) === key
    }
  }

  function compileAgain(key: ServiceKey): CompiledService | undefined {
    const view = views.get(key)
    return view && compileService(view, context)
  }

  function update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>): DesiredServices {
    const compiled = new Map<ServiceKey, CompiledService | undefined>()
    const affected = new Set<ServiceKey>()
    for (const [key, view] of services) {
      const service = record(key, view)
      compiled.set(key, service)
      for (const other of claims.update(key, service)) affected.add(other)
    }
    for (const key of affected) if (!compiled.has(key)) compiled.set(key, compileAgain(key))
    for (const [key, service] of compiled) compiled.set(key, owned(key, service))
    return compiled
  }

  return {
    update,
    setContext(next) {
      context = next
      return update(new Map(views))
    },
    all(known) {
      const all = new Map<ServiceKey, CompiledService | undefined>()
      for (const key of views.keys()) all.set(key, known?.get(key) ?? owned(key, compileAgain(key)))
      return all
    },
    warnings: () => [...[...warned.values()].flat(), ...claims.warnings()],
  }
}
