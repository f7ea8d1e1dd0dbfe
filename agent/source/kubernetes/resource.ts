// SPDX-License-Identifier: Apache-2.0
/** The kinds of objects that are read: where they are, which of them, and what is kept of them. */
import { type EndpointSlice, keyOf, type Node, type Service } from '../../objects.ts'
import { Nonsense } from './failure.ts'
import { readNode } from './node.ts'
import { FieldError, isMapping, type Raw } from './raw.ts'
import { readService } from './service.ts'
import { readSlice, SERVICE_NAME_LABEL } from './slice.ts'

export interface Resource<T> {
  readonly name: 'services' | 'endpointslices' | 'nodes'
  readonly kind: 'Service' | 'EndpointSlice' | 'Node'
  readonly path: string
  /** Parameters of the query that choose objects. */
  readonly selector: Readonly<Record<string, string>>
  /** Throws FieldError. */
  readonly convert: (raw: Raw) => T
}

/** An object as it was at one version. */
export interface Item<T> {
  /** "namespace/name", or the name of a Node. */
  readonly key: string
  readonly version: string
  /** Undefined: it can't be used, `fault` says why. */
  readonly value: T | undefined
  readonly fault?: string
}

/**
 * Services of other proxies are left out by the server, unless some of them are ours: "absent or this value" is no selector, so
 * compile/ leaves them out then. Slices of headless Services serve nobody here (as kube-proxy from 1.35 on).
 */
export function servicesOf(serviceProxyName: string): Resource<Service> {
  const labelSelector = '!service.kubernetes.io/service-proxy-name'
  const selector: Resource<Service>['selector'] = serviceProxyName === '' ? { labelSelector } : {}
  return { name: 'services', kind: 'Service', path: '/api/v1/services', selector, convert: readService }
}

export const SLICES: Resource<EndpointSlice> = {
  name: 'endpointslices',
  kind: 'EndpointSlice',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  selector: { labelSelector: `${SERVICE_NAME_LABEL},!service.kubernetes.io/headless` },
  convert: readSlice,
}

/** One Node, or all. */
export function nodesOf(name?: string): Resource<Node> {
  const selector: Resource<Node>['selector'] = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }
  return { name: 'nodes', kind: 'Node', path: '/api/v1/nodes', selector, convert: readNode }
}

/** Throws Nonsense for what no API server would send: the whole answer can't be trusted then. */
export function readItem<T>({ kind, convert }: Resource<T>, raw: unknown): Item<T> {
  if (!isMapping(raw) || !isMapping(raw.metadata) || (raw.kind ?? kind) !== kind) throw notA(kind, raw)
  const { namespace, name, resourceVersion } = raw.metadata
  if (typeof name !== 'string' || typeof resourceVersion !== 'string') throw notA(kind, raw)
  // Protobuf has an empty one where JSON has none.
  const key = typeof namespace === 'string' && namespace !== '' ? keyOf(namespace, name) : name
  try {
    return { key, version: resourceVersion, value: convert(raw) }
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    return { key, version: resourceVersion, value: undefined, fault: error.message }
  }
}

function notA(kind: string, raw: unknown): Nonsense {
  return new Nonsense(`is no ${kind}`, JSON.stringify(raw) ?? '')
}
