// SPDX-License-Identifier: Apache-2.0
/**
 * `node still-api.ts PORT < LIST`: as much of a Kubernetes API as a kube-proxy of any version needs, on loopback, over HTTP and in JSON: lists of what it
 * is given, and watches in which nothing happens. LIST: {"items": OBJECTS}, Services and Nodes of v1, EndpointSlices of discovery.k8s.io/v1, which are
 * there as v1beta1, too (kube-proxy before 1.22). Prints "ready".
 */
import { createServer, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { ApiObject } from '../test/kubernetes/objects.ts'
import { selectorOf } from '../test/kubernetes/selectors.ts'

const DISCOVERY = '/apis/discovery.k8s.io'
const NODES = '/api/v1/nodes'
const RESOURCE_VERSION = '1'

interface Stored extends ApiObject {
  readonly [field: string]: unknown
}

interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly items: readonly Stored[]
}

interface Endpoint {
  readonly nodeName?: string
  readonly zone?: string
  readonly [field: string]: unknown
}

/** In v1beta1 node and zone of an endpoint are labels of its topology, and hints are unknown (before 1.21). */
function toBeta(slice: Stored): Stored {
  const endpoints = (slice.endpoints as readonly Endpoint[] | undefined)?.map(
    ({ nodeName, zone, hints: _, ...endpoint }) => ({
      ...endpoint,
      topology: {
        ...(nodeName && { 'kubernetes.io/hostname': nodeName }),
        ...(zone && { 'topology.kubernetes.io/zone': zone }),
      },
    }),
  )
  return { ...slice, apiVersion: 'discovery.k8s.io/v1beta1', endpoints: endpoints ?? [] }
}

function resourcesOf(objects: readonly Stored[]): Readonly<Record<string, Resource>> {
  const of = (apiVersion: string, kind: string) => ({
    ...{ apiVersion, kind },
    items: objects.filter(object => object.kind === kind).map(stamped),
  })
  const slices = of('discovery.k8s.io/v1', 'EndpointSlice')
  return {
    '/api/v1/services': of('v1', 'Service'),
    [NODES]: of('v1', 'Node'),
    [`${DISCOVERY}/v1/endpointslices`]: slices,
    [`${DISCOVERY}/v1beta1/endpointslices`]: {
      ...slices,
      apiVersion: 'discovery.k8s.io/v1beta1',
      items: slices.items.map(toBeta),
    },
    '/apis/networking.k8s.io/v1/servicecidrs': of('networking.k8s.io/v1', 'ServiceCIDR'),
  }
}

function stamped(object: Stored): Stored {
  const { namespace, name } = object.metadata
  const uid = object.metadata.uid ?? `${namespace ?? ''}-${name}`
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion: RESOURCE_VERSION } }
}

const JSON_TYPE = { 'content-type': 'application/json' }

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, JSON_TYPE).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  send(response, code, { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason, message: reason, code })
}

const { items } = (await json(process.stdin)) as { readonly items: readonly Stored[] }
const resources = resourcesOf(items)
const nodes = new Map(resources[NODES]!.items.map(node => [`${NODES}/${node.metadata.name}`, node]))

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  // Events, which kube-proxy writes.
  if (request.method === 'POST') return void request.pipe(response.writeHead(201, JSON_TYPE))
  const node = nodes.get(pathname)
  if (node) return send(response, 200, node)
  const resource = resources[pathname]
  if (!resource) return refuse(response, 404, 'NotFound')
  // Lists come as lists: a client falls back to them (KEP-3157).
  if (searchParams.has('sendInitialEvents')) return refuse(response, 422, 'Invalid')
  if (['true', '1'].includes(searchParams.get('watch') ?? ''))
    return void response.writeHead(200, JSON_TYPE).flushHeaders()
  const { apiVersion, kind, items } = resource
  const metadata = { resourceVersion: RESOURCE_VERSION }
  send(response, 200, { apiVersion, kind: `${kind}List`, metadata, items: items.filter(selectorOf(searchParams)) })
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
