// SPDX-License-Identifier: Apache-2.0
/** EndpointSlice (discovery.k8s.io/v1) of the API: the fields that are used. */
import { packEndpoints } from '../../endpoints.ts'
import { type Endpoint, type EndpointSlice, keyOf, type SlicePort } from '../../objects.ts'
import {
  alike,
  FieldError,
  flag,
  integer,
  isMapping,
  items,
  mapping,
  oneOf,
  type Raw,
  shared,
  text,
  texts,
} from './raw.ts'
import { PROTOCOLS } from './service.ts'

const ADDRESS_TYPES: readonly EndpointSlice['addressType'][] = ['IPv4', 'IPv6', 'FQDN']
/** Written by the endpoint slice controller, RFC 3339. */
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

export function readSlice(raw: Raw): EndpointSlice {
  const metadata = mapping(raw, 'metadata', '')
  const namespace = shared(text(metadata, 'namespace', 'metadata.'))
  const service = text(mapping(metadata, 'labels', 'metadata.'), SERVICE_NAME_LABEL, 'metadata.labels.')
  if (service === '') throw new FieldError(`metadata.labels["${SERVICE_NAME_LABEL}"] is missing`)
  const addressType = oneOf(raw, 'addressType', '', ADDRESS_TYPES)
  return {
    namespace,
    name: text(metadata, 'name', 'metadata.'),
    service: keyOf(namespace, service),
    addressType,
    ports: alike(items(raw, 'ports', '', slicePort)),
    endpoints: packEndpoints(addressType === 'FQDN' ? [] : items(raw, 'endpoints', '', readEndpoint)),
    ...triggerOf(metadata),
  }
}

/** For a metric alone: what is no time is passed over. */
function triggerOf(metadata: Raw): Pick<EndpointSlice, 'triggered'> {
  const { annotations } = metadata
  const time = isMapping(annotations) ? Date.parse(String(annotations[TRIGGER_TIME_ANNOTATION])) : Number.NaN
  return Number.isNaN(time) ? {} : { triggered: time }
}

function slicePort(raw: Raw, at: string): SlicePort {
  return {
    name: shared(text(raw, 'name', at)),
    protocol: oneOf(raw, 'protocol', at, PROTOCOLS, 'TCP'),
    port: raw.port == null ? null : integer(raw, 'port', at),
  }
}

function readEndpoint(raw: Raw, at: string): Endpoint {
  const conditions = mapping(raw, 'conditions', at)
  const zoneHints = hintsOf(raw, 'forZones', at)
  const nodeHints = hintsOf(raw, 'forNodes', at)
  const state = {
    ready: flag(conditions, 'ready', `${at}conditions.`, true),
    serving: flag(conditions, 'serving', `${at}conditions.`, true),
    terminating: flag(conditions, 'terminating', `${at}conditions.`, false),
    nodeName: text(raw, 'nodeName', at),
    zone: text(raw, 'zone', at),
    ...(zoneHints.length > 0 && { zoneHints }),
    ...(nodeHints.length > 0 && { nodeHints }),
  }
  return { address: texts(raw, 'addresses', at)[0] ?? '', state }
}

function hintsOf(raw: Raw, key: 'forZones' | 'forNodes', at: string): readonly string[] {
  const hints = mapping(raw, 'hints', at)
  return items(hints, key, `${at}hints.`, (hint, at) => text(hint, 'name', at))
}
