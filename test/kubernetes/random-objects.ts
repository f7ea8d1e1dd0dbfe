// SPDX-License-Identifier: Apache-2.0
/** Objects with any of the fields that the API has, whether they are used or not. The same for the same seed. */
import type { ApiObject, Fields } from './objects.ts'

export interface Random {
  /** Whole, from 0 to below. */
  readonly below: (limit: number) => number
  readonly one: <T>(values: readonly T[]) => T
  /** Undefined, one time of three. */
  readonly maybe: <T>(make: () => T) => T | undefined
  readonly some: <T>(make: () => T, most?: number) => readonly T[]
  readonly name: () => string
  readonly flag: () => boolean
}

/** mulberry32: good enough for tests, and short. */
export function createRandom(seed: number): Random {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const random: Random = {
    below,
    one: values => values[below(values.length)]!,
    maybe: make => (below(3) === 0 ? undefined : make()),
    some: (make, most = 4) => Array.from({ length: below(most + 1) }, make),
    name: () => random.one(['web', 'zürich', 'a-b.c', '日本', '😀', 'x'.repeat(200)]) + below(1_000),
    flag: () => below(2) === 1,
  }
  return random
}

const LABELS = [
  'app',
  'kubernetes.io/service-name',
  'service.kubernetes.io/headless',
  'topology.kubernetes.io/zone',
  '__proto__x',
]

function metadata({ below, maybe, name, some, one }: Random, more: Fields = {}): ApiObject['metadata'] {
  const pairs = () => Object.fromEntries(some(() => [one(LABELS), name()]))
  const time = () => new Date(below(2 ** 32) * 1_000).toISOString().replace('.000Z', 'Z')
  return {
    ...{ name: name(), resourceVersion: String(below(1e9)), uid: maybe(name), generation: maybe(() => below(1e9)) },
    ...{ creationTimestamp: maybe(time), deletionTimestamp: maybe(time), annotations: maybe(pairs) },
    ...{ ownerReferences: some(() => ({ kind: 'Pod', name: name(), uid: name(), controller: true })), ...more },
    labels: { ...maybe(pairs), ...(more.labels as object) },
  }
}

export function randomService(random: Random): ApiObject {
  const { below, maybe, one, some, name, flag } = random
  const port = () => ({
    ...{ name: maybe(name), protocol: maybe(() => one(['TCP', 'UDP', 'SCTP'])), port: 1 + below(65_535) },
    ...{ targetPort: maybe(() => one([below(65_536), name()])), nodePort: maybe(() => below(65_536)) },
    appProtocol: maybe(name),
  })
  const policy = () => one(['Cluster', 'Local', ''])
  const ingress = () => ({ ip: maybe(name), hostname: maybe(name), ipMode: maybe(() => one(['VIP', 'Proxy'])) })
  const spec = {
    ...{ type: maybe(() => one(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', ''])), ports: some(port) },
    ...{ clusterIP: maybe(name), clusterIPs: some(name, 2), externalIPs: some(name), selector: { app: name() } },
    ...{ sessionAffinity: maybe(() => one(['None', 'ClientIP', ''])), loadBalancerIP: maybe(name) },
    sessionAffinityConfig: maybe(() => ({
      clientIP: maybe(() => ({ timeoutSeconds: maybe(() => 1 + below(86_400)) })),
    })),
    ...{ loadBalancerSourceRanges: some(name), externalTrafficPolicy: maybe(policy) },
    ...{ internalTrafficPolicy: maybe(policy), healthCheckNodePort: maybe(() => below(65_536)) },
    ...{ allocateLoadBalancerNodePorts: maybe(flag), trafficDistribution: maybe(name), loadBalancerClass: maybe(name) },
    ...{ ipFamilies: ['IPv4'], ipFamilyPolicy: maybe(name), publishNotReadyAddresses: maybe(flag) },
  }
  const status = maybe(() => ({ loadBalancer: maybe(() => ({ ingress: some(ingress) })) }))
  const named = metadata(random, { namespace: name() })
  return clean({ kind: 'Service', apiVersion: 'v1', metadata: named, spec, status })
}

export function randomSlice(random: Random): ApiObject {
  const { below, maybe, one, some, name, flag } = random
  const conditions = () => ({ ready: maybe(flag), serving: maybe(flag), terminating: maybe(flag) })
  const hint = () => ({ name: name() })
  const endpoint = () => ({
    ...{ addresses: [name(), ...some(name)], conditions: maybe(conditions), hostname: maybe(name) },
    ...{
      targetRef: maybe(() => ({ kind: 'Pod', name: name(), uid: name() })),
      nodeName: maybe(name),
      zone: maybe(name),
    },
    hints: maybe(() => ({ forZones: some(hint, 2), forNodes: some(hint, 2) })),
  })
  const port = () => ({
    ...{ name: maybe(name), protocol: maybe(() => one(['TCP', 'UDP', 'SCTP'])), appProtocol: maybe(name) },
    port: maybe(() => below(65_536)),
  })
  const labels = { 'kubernetes.io/service-name': name() }
  const addressType = one(['IPv4', 'IPv6', 'FQDN'])
  return clean({
    ...{
      kind: 'EndpointSlice',
      apiVersion: 'discovery.k8s.io/v1',
      metadata: metadata(random, { namespace: name(), labels }),
    },
    ...{ addressType, endpoints: some(endpoint, 10), ports: some(port) },
  })
}

export function randomNode(random: Random): ApiObject {
  const { maybe, one, some, name, flag } = random
  const type = () => one(['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS'])
  const addresses = some(() => ({ type: type(), address: name() }))
  const taints = some(() => ({ key: name(), value: maybe(name), effect: one(['NoSchedule', 'NoExecute']) }))
  const spec = {
    podCIDR: maybe(name),
    podCIDRs: some(name, 2),
    providerID: maybe(name),
    unschedulable: maybe(flag),
    taints,
  }
  return clean({
    kind: 'Node',
    apiVersion: 'v1',
    metadata: metadata(random),
    spec,
    status: { phase: 'Running', addresses },
  })
}

/** Without what is undefined, as JSON has it. */
function clean(object: object): ApiObject {
  return JSON.parse(JSON.stringify(object))
}
