// SPDX-License-Identifier: Apache-2.0
/** What the objects alone say: why a Service has nobody to serve it, or not everybody. Pure. */
import type { CompiledPort, Frontend } from '../compile/compiled.ts'
import type { CompileContext } from '../compile/context.ts'
import type { Service, ServiceView } from '../objects.ts'
import type { EndpointRow } from './endpoints.ts'
import { type Finding, note, problem } from './finding.ts'

/** Why a Service is none of ours at all; undefined: it is. */
export function notServed(
  { type, clusterIPs, labels }: Service,
  { serviceProxyName }: CompileContext,
): Finding | undefined {
  if (type === 'ExternalName') return note('it is of type ExternalName: a name in DNS, with no address', 'Ask the DNS')
  if (clusterIPs.includes('None'))
    return note(
      'it is headless (clusterIP None): DNS gives the addresses of its Pods',
      'Dial a Pod, or give it a clusterIP',
    )
  if (clusterIPs.length === 0) return problem('it has no clusterIP', 'Look at the Service: was its address refused?')
  const proxy = labels['service.kubernetes.io/service-proxy-name']
  if (proxy !== undefined && proxy !== serviceProxyName)
    return note(
      `its label service.kubernetes.io/service-proxy-name leaves it to ${proxy}`,
      'Remove the label, or ask there',
    )
  return undefined
}

export function objectFindings(
  view: ServiceView,
  port: CompiledPort,
  rows: readonly EndpointRow[],
  { nodeName }: CompileContext,
): Finding[] {
  const nobody = nobodyReady(view, port, rows)
  if (nobody !== undefined) return [nobody]
  return [...draining(rows), ...localOnly(port, rows, nodeName), ...nearOnly(port, rows)]
}

function nobodyReady(view: ServiceView, port: CompiledPort, rows: readonly EndpointRow[]): Finding | undefined {
  const { namespace, name, labels } = view.service
  const endpoints = view.slices.flatMap(slice => slice.endpoints.states)
  if (labels['service.kubernetes.io/headless'] !== undefined)
    return problem('its label service.kubernetes.io/headless asks that nobody serves it', 'Remove the label')
  if (endpoints.length === 0)
    return problem(
      view.slices.length === 0 ? 'no EndpointSlice belongs to it' : 'its EndpointSlices hold no endpoint',
      `Does its selector match the labels of any Pod? kubectl -n ${namespace} get pods --show-labels. Without a selector: an ` +
        `EndpointSlice needs the label kubernetes.io/service-name: ${name}`,
    )
  if (rows.length === 0)
    return problem(
      `none of its ${endpoints.length} endpoints has the port ${portText(port)}: they have ${portsOf(view)}`,
      'Does targetPort name a port that the containers have, over this protocol?',
    )
  if (rows.some(({ serves }) => serves.length > 0)) return undefined
  if (rows.some(({ ready, state }) => ready || state === 'terminating')) return undefined
  return problem(
    `none of its ${rows.length} endpoints is ready`,
    `Look at the Pods and their readiness probes: kubectl -n ${namespace} describe pod`,
  )
}

function portText({ port, protocol }: CompiledPort): string {
  return `${port === '' ? '(without a name)' : `"${port}"`} over ${protocol}`
}

function portsOf({ slices }: ServiceView): string {
  const all = slices.flatMap(({ ports }) => ports).map(({ name, protocol, port }) => `"${name}" ${port}/${protocol}`)
  return [...new Set(all)].join(', ') || 'none'
}

function draining(rows: readonly EndpointRow[]): Finding[] {
  const serving = rows.filter(({ serves }) => serves.length > 0)
  if (serving.length === 0 || serving.some(({ ready }) => ready)) return []
  return [note(`only endpoints that are terminating serve (${serving.length}): none is ready`, 'Look at the new Pods')]
}

/** Policy Local, and nobody here. */
function localOnly({ frontends }: CompiledPort, rows: readonly EndpointRow[], nodeName: string): Finding[] {
  if (rows.some(({ local, ready, state }) => local && (ready || state === 'terminating'))) return []
  const nodes = [...new Set(rows.filter(({ ready }) => ready).map(({ node }) => node || 'an unknown node'))].sort()
  const isEmpty = ({ onEmpty, policy }: Frontend) => policy === 'Local' && onEmpty === 'drop'
  const where = `no endpoint is on this node (${nodeName}): they are on ${nodes.join(', ')}`
  return [
    ...(frontends.some(one => isEmpty(one) && one.kind === 'clusterIP')
      ? [problem(`internalTrafficPolicy is Local, and ${where}`, 'Run a Pod on each node, or use policy Cluster')]
      : []),
    ...(frontends.some(one => isEmpty(one) && one.kind !== 'clusterIP')
      ? [
          problem(
            `externalTrafficPolicy is Local, and ${where}: clients outside are dropped here`,
            'Send them to those nodes (healthCheckNodePort tells load balancers), or use policy Cluster',
          ),
        ]
      : []),
  ]
}

function nearOnly({ frontends }: CompiledPort, rows: readonly EndpointRow[]): Finding[] {
  const ready = rows.filter(row => row.ready)
  const near = ready.filter(({ serves }) => serves.length > 0)
  if (near.length === 0 || near.length === ready.length || frontends.some(({ policy }) => policy === 'Local')) return []
  return [
    note(
      `topology hints keep clients of this node to ${near.length} of ${ready.length} ready endpoints`,
      'Meant so with trafficDistribution; else remove it',
    ),
  ]
}
