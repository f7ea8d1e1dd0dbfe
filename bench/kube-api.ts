// SPDX-License-Identifier: Apache-2.0
/**
 * `node kube-api.ts PORT MANY < PORTS`: as much of a Kubernetes API as a kube-proxy needs, on loopback, over HTTP and in JSON: lists of Services, their
 * EndpointSlices and the node, and watches in which nothing happens. PORTS: a line of JSON, ProxiedPort[]. Prints "ready".
 */
import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { NODE } from './means.ts'
import { type ProxiedPort, proxiedPorts } from './proxied.ts'

const [port = '', many = ''] = process.argv.slice(2)
const RESOURCE_VERSION = '1'

interface List {
  readonly apiVersion: string
  readonly kind: string
  readonly items: readonly object[]
}

function metadata(name: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', rest = ''] = name.split('/')
  return { namespace, name: rest.split(':')[0]! }
}

function meta(name: string, suffix = '') {
  const { namespace, name: service } = metadata(name)
  const common = { creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: RESOURCE_VERSION }
  return { ...common, namespace, name: `${service}${suffix}`, uid: `${namespace}-${service}${suffix}` }
}

function portName({ name }: ProxiedPort): string {
  return name.split(':')[1]!
}

/** The ports of one Service. */
function service(ports: readonly ProxiedPort[]): object {
  const [{ name, clusterIP }] = ports as readonly [ProxiedPort]
  const type = ports.some(({ nodePort }) => nodePort) ? 'NodePort' : 'ClusterIP'
  const policies = {
    internalTrafficPolicy: 'Cluster',
    ...(type === 'NodePort' && { externalTrafficPolicy: 'Cluster' }),
  }
  const families = { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', sessionAffinity: 'None' }
  const listed = ports.map(one => ({
    ...{
      name: portName(one),
      port: one.port,
      protocol: one.protocol.toUpperCase(),
      targetPort: one.endpoints[0]!.port,
    },
    ...(one.nodePort && { nodePort: one.nodePort }),
  }))
  const spec = { type, clusterIP, clusterIPs: [clusterIP], ports: listed, ...policies, ...families }
  return { metadata: meta(name), spec, status: { loadBalancer: {} } }
}

function slice(ports: readonly ProxiedPort[]): object {
  const [{ name, endpoints }] = ports as readonly [ProxiedPort]
  const labels = { 'kubernetes.io/service-name': metadata(name).name }
  const conditions = { ready: true, serving: true, terminating: false }
  return {
    metadata: { ...meta(name, '-1'), labels },
    addressType: 'IPv4',
    ports: ports.map(one => ({
      ...{ name: portName(one), port: one.endpoints[0]!.port, protocol: one.protocol.toUpperCase() },
    })),
    endpoints: endpoints.map(({ address }) => ({ addresses: [address], conditions, nodeName: 'elsewhere' })),
  }
}

function node(): object {
  const addresses = [{ type: 'InternalIP', address: process.env.NODE_ADDRESS }]
  const common = { name: NODE, uid: NODE, resourceVersion: RESOURCE_VERSION }
  return { metadata: common, spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] }, status: { addresses } }
}

function lists(ports: readonly ProxiedPort[]): Readonly<Record<string, List>> {
  const byService = [...Map.groupBy(ports, ({ name }) => name.split(':')[0]).values()]
  return {
    '/api/v1/services': { apiVersion: 'v1', kind: 'ServiceList', items: byService.map(service) },
    '/apis/discovery.k8s.io/v1/endpointslices': {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', items: byService.map(slice) },
    },
    '/apis/networking.k8s.io/v1/servicecidrs': {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDRList', items: [] },
    },
    '/api/v1/nodes': { apiVersion: 'v1', kind: 'NodeList', items: [node()] },
    [`/api/v1/nodes/${NODE}`]: { apiVersion: 'v1', kind: 'Node', items: [] },
  }
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  send(response, code, { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason, message: reason, code })
}

const held = lists(proxiedPorts(Number(many), JSON.parse(await text(process.stdin)) as ProxiedPort[]))

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const list = held[pathname]
  // Events, which kube-proxy writes.
  if (request.method === 'POST')
    return void request.pipe(response.writeHead(201, { 'content-type': 'application/json' }))
  if (!list) return refuse(response, 404, 'NotFound')
  // Lists come as lists: a client falls back to them (KEP-3157).
  if (searchParams.has('sendInitialEvents')) return refuse(response, 422, 'Invalid')
  if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1')
    return void response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
  if (list.kind === 'Node') return send(response, 200, { apiVersion: 'v1', kind: 'Node', ...node() })
  send(response, 200, { ...list, metadata: { resourceVersion: RESOURCE_VERSION } })
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
