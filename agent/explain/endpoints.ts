// SPDX-License-Identifier: Apache-2.0
/** The endpoints of a Service port as an operator asks about them: where they are, how they are, and whom they serve. */
import { hostPort } from '../address.ts'
import type { CompiledPort } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import { candidatesOf, readSlices } from '../compile/endpoints.ts'
import type { EndpointState, ServiceView } from '../objects.ts'

export interface EndpointRow {
  /** "10.244.1.5:8080" */
  readonly endpoint: string
  /** Empty: unknown. */
  readonly node: string
  readonly local: boolean
  readonly ready: boolean
  readonly state: string
  /** "cluster", "outside"; empty: nobody. */
  readonly serves: readonly string[]
}

const FAMILIES = ['IPv4', 'IPv6'] as const

export function endpointRows(view: ServiceView, port: CompiledPort, { nodeName }: CompileContext): EndpointRow[] {
  const slices = readSlices(view, FAMILIES, () => undefined)
  const wanted = { name: port.port, protocol: port.protocol }
  const pools = new Map(port.backends.map(backend => [hostPort(backend.address, backend.port), backend.pools]))
  return FAMILIES.flatMap(family => candidatesOf(slices, { ...wanted, family }, nodeName)).map(candidate => {
    const { address, state, local } = candidate
    const text = hostPort(address.text, candidate.port)
    const serves = scopesOf(port, pools.get(text) ?? 0)
    return { endpoint: text, node: state.nodeName, local, ready: state.ready, state: stateOf(state), serves }
  })
}

function scopesOf({ frontends }: CompiledPort, pools: number): string[] {
  const serving = frontends.filter(({ pool }) => pools & (1 << pool))
  const names = serving.map(({ scope }) => (scope === 'cluster' ? 'cluster' : 'outside'))
  return [...new Set(names)].sort()
}

function stateOf({ ready, serving, terminating }: EndpointState): string {
  if (terminating) return serving ? 'terminating' : 'ended'
  return ready ? 'ready' : 'not ready'
}
