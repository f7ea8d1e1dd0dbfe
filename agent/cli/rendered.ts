// SPDX-License-Identifier: Apache-2.0
/** Services compiled for a node, as rows for people and programs. */
import { hostPort } from '../address.ts'
import { claimIndex } from '../compile/claims.ts'
import type { CompiledPort, Frontend } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import { compileService } from '../compile/service.ts'
import type { ServiceKey, ServiceView, TrafficPolicy } from '../objects.ts'

/** Part of the command's interface: fields are added, not changed. */
export interface RenderedFrontend {
  /** "namespace/name" */
  readonly service: ServiceKey
  /** Name of the port; empty when it has none. */
  readonly port: string
  /** "10.96.0.10:80/TCP", "[fd00::1]:80/TCP"; nodePorts: "0.0.0.0:30080/TCP" and "[::]:30080/TCP". */
  readonly frontend: string
  /** A clusterIP has the scope "cluster" alone, which stands for both. */
  readonly scope: Frontend['scope']
  /** The one that applies in this scope. */
  readonly policy: TrafficPolicy
  readonly scheduler: 'maglev'
  readonly affinitySeconds: number
  /** "10.244.1.5:8080", "[fd00::5]:8080"; sorted by address, then port. */
  readonly backends: readonly string[]
  /** What a client gets when there are no backends. */
  readonly onEmpty: Frontend['onEmpty']
  /** Only there where backends of other nodes answer the client directly. */
  readonly forwarding?: 'dsr'
}

export interface Rendered {
  /** Sorted by frontend, then scope. */
  readonly frontends: readonly RenderedFrontend[]
  readonly warnings: readonly string[]
}

export function renderServices(services: ReadonlyMap<ServiceKey, ServiceView>, context: CompileContext): Rendered {
  const claims = claimIndex()
  const compiled = [...services.values()].map(view => compileService(view, context))
  for (const service of compiled) claims.update(service.key, service)
  const frontends = compiled.flatMap(({ key, ports }) =>
    ports.flatMap(port =>
      port.frontends
        .filter(frontend => claims.owner(port, frontend) === key)
        .map(frontend => renderFrontend(key, port, frontend)),
    ),
  )
  const warnings = [...compiled.flatMap(({ warnings }) => warnings), ...claims.warnings()]
  return { frontends: frontends.sort(compare), warnings: warnings.map(text => `warning: ${text}`) }
}

function renderFrontend(service: ServiceKey, port: CompiledPort, frontend: Frontend): RenderedFrontend {
  return {
    service,
    port: port.port,
    frontend: `${hostPort(frontend.address, frontend.port)}/${port.protocol}`,
    scope: frontend.scope,
    policy: frontend.policy,
    scheduler: 'maglev',
    affinitySeconds: port.affinitySeconds,
    backends: port.backends
      .filter(({ pools }) => pools & (1 << frontend.pool))
      .map(backend => hostPort(backend.address, backend.port)),
    onEmpty: frontend.onEmpty,
    ...(frontend.forwarding && { forwarding: frontend.forwarding }),
  }
}

function compare(a: RenderedFrontend, b: RenderedFrontend): number {
  if (a.frontend !== b.frontend) return a.frontend < b.frontend ? -1 : 1
  return a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0
}
