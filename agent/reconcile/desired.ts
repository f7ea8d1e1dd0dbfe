// SPDX-License-Identifier: Apache-2.0
/** What the maps should say, kept up to date Service by Service. */
import { claimIndex } from '../compile/claims.ts'
import type { CompiledService } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import { compileService } from '../compile/service.ts'
import type { ServiceKey, ServiceView } from '../objects.ts'
import type { DesiredServices } from './reconciler.ts'

export interface DesiredState {
  /** The Services whose frontends, backends or tables may be others after these changes. */
  update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>): DesiredServices
  /** Another own node: every Service may mean something else. */
  setContext(context: CompileContext): DesiredServices
  /** Every Service. */
  all(): DesiredServices
  /** All warnings that stand now. */
  warnings(): string[]
}

export function desiredState(initial: CompileContext): DesiredState {
  let context = initial
  const views = new Map<ServiceKey, ServiceView>()
  const compiled = new Map<ServiceKey, CompiledService>()
  /** Of the few that have any: they are asked for after each change. */
  const warned = new Map<ServiceKey, readonly string[]>()
  const claims = claimIndex()

  function compileOne(key: ServiceKey, view: ServiceView | undefined): readonly ServiceKey[] {
    const service = view && compileService(view, context)
    if (view) views.set(key, view)
    else views.delete(key)
    if (service) compiled.set(key, service)
    else compiled.delete(key)
    if (service && service.warnings.length > 0) warned.set(key, service.warnings)
    else warned.delete(key)
    return claims.update(key, service)
  }

  function owned(key: ServiceKey): CompiledService | undefined {
    const service = compiled.get(key)
    if (service === undefined) return undefined
    const ports = service.ports.map(port => ({
      ...port,
      frontends: port.frontends.filter(frontend => claims.owner(port, frontend) === key),
    }))
    return { ...service, ports: ports.filter(port => port.frontends.length > 0) }
  }

  function update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>): DesiredServices {
    const affected = new Set<ServiceKey>()
    for (const [key, view] of services) {
      affected.add(key)
      for (const other of compileOne(key, view)) affected.add(other)
    }
    return new Map([...affected].map(key => [key, owned(key)]))
  }

  return {
    update,
    setContext(next) {
      context = next
      return update(new Map(views))
    },
    all: () => new Map([...compiled.keys()].map(key => [key, owned(key)])),
    warnings: () => [...[...warned.values()].flat(), ...claims.warnings()],
  }
}
