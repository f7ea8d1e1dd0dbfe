// SPDX-License-Identifier: Apache-2.0
/**
 * EndpointSlices of discovery.k8s.io/v1 for servers that have v1beta1 only (before Kubernetes 1.21): the fields of v1 as a custom
 * resource. Custom resources are JSON: a client that would rather have protobuf gets JSON.
 */
import type { ApiObject } from '../test/kubernetes/objects.ts'

const STRING = { type: 'string' }
const BOOLEAN = { type: 'boolean' }
const list = (items: object) => ({ type: 'array', items })
const object = (properties: object) => ({ type: 'object', properties })
const strings = { type: 'object', additionalProperties: STRING }

const ENDPOINT = object({
  addresses: list(STRING),
  conditions: object({ ready: BOOLEAN, serving: BOOLEAN, terminating: BOOLEAN }),
  ...{ hostname: STRING, nodeName: STRING, zone: STRING, deprecatedTopology: strings },
  targetRef: object({ apiVersion: STRING, kind: STRING, name: STRING, namespace: STRING, uid: STRING }),
  hints: object({ forZones: list(object({ name: STRING })), forNodes: list(object({ name: STRING })) }),
})

/** The default is v1's. Its other one, an empty name, is one that 1.20 takes for null. */
const PORT = object({
  name: STRING,
  protocol: { ...STRING, default: 'TCP' },
  port: { type: 'integer', format: 'int32' },
  appProtocol: STRING,
})

const SCHEMA = object({
  ...{ apiVersion: STRING, kind: STRING, metadata: { type: 'object' }, addressType: STRING },
  ...{ ports: list(PORT), endpoints: list(ENDPOINT) },
})

export const SLICES_V1: ApiObject = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: {
    name: 'endpointslices.discovery.k8s.io',
    // The server wants to know who let a test take a group of Kubernetes' own.
    annotations: { 'api-approved.kubernetes.io': 'unapproved, stands in for discovery.k8s.io/v1 in a test' },
  },
  spec: {
    ...{ group: 'discovery.k8s.io', scope: 'Namespaced' },
    names: {
      kind: 'EndpointSlice',
      listKind: 'EndpointSliceList',
      plural: 'endpointslices',
      singular: 'endpointslice',
    },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } }],
  },
} as ApiObject
