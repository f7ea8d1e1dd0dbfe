// SPDX-License-Identifier: Apache-2.0
/**
 * The contract once more, as one question about one client: who may answer? Slow and plain, and without a line of agent/compile, so
 * that the two can be held against each other over random Services.
 */
import { unpackEndpoints } from '../../agent/endpoints.ts'
import type { EndpointState, Service, ServicePort, ServiceView } from '../../agent/objects.ts'

export interface Client {
  readonly nodeName: string
  readonly zone: string
  readonly inside: boolean
}

export type Answer = readonly string[] | 'refuse' | 'drop'

/** `external`: dialled at an externalIP, a load balancer's IP or a nodePort. */
export function answer(view: ServiceView, port: ServicePort, v6: boolean, external: boolean, client: Client): Answer {
  const { service } = view
  const endpoints = endpointsOf(view, port, v6)
  const able = endpoints.filter(([, one]) => one.ready || (one.serving && one.terminating))
  const local = external
    ? service.externalTrafficPolicy === 'Local' && !client.inside
    : service.internalTrafficPolicy === 'Local'
  const chosen = local
    ? standIn(endpoints.filter(([, one]) => one.nodeName === client.nodeName))
    : near(endpoints, client)
  if (chosen.length > 0) return chosen.map(([text]) => text).sort()
  return local && able.length > 0 ? 'drop' : 'refuse'
}

type Named = readonly [text: string, endpoint: EndpointState]

function endpointsOf({ service, slices }: ServiceView, port: ServicePort, v6: boolean): readonly Named[] {
  if ('service.kubernetes.io/headless' in service.labels) return []
  const found = new Map<string, EndpointState>()
  for (const slice of slices) {
    if (slice.addressType !== (v6 ? 'IPv6' : 'IPv4')) continue
    const ports = slice.ports.filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
    for (const { port: number } of ports)
      for (const { address, state } of unpackEndpoints(slice.endpoints))
        found.set(v6 ? `[${address}]:${number}` : `${address}:${number}`, state)
  }
  return [...found]
}

function standIn(endpoints: readonly Named[]): readonly Named[] {
  const ready = endpoints.filter(([, one]) => one.ready)
  return ready.length > 0 ? ready : endpoints.filter(([, one]) => one.serving && one.terminating)
}

function near(endpoints: readonly Named[], { nodeName, zone }: Client): readonly Named[] {
  const ready = endpoints.filter(([, one]) => one.ready)
  if (ready.length === 0) return standIn(endpoints)
  for (const [hintsOf, here] of [
    [(one: EndpointState) => one.nodeHints ?? [], nodeName],
    [(one: EndpointState) => one.zoneHints ?? [], zone],
  ] as const) {
    if (ready.some(([, one]) => hintsOf(one).length === 0)) continue
    const hinted = ready.filter(([, one]) => hintsOf(one).includes(here))
    if (hinted.length > 0) return hinted
  }
  return ready
}

/** Whether the Service is anybody's business here. */
export function isOurs({ type, clusterIPs, labels }: Service): boolean {
  if (type === 'ExternalName' || clusterIPs[0] === undefined || clusterIPs[0] === 'None') return false
  return !('service.kubernetes.io/service-proxy-name' in labels)
}
