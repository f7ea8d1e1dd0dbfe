// SPDX-License-Identifier: Apache-2.0
/** Random Services with slices: small, so that every rule is met often. */
import type {
  EndpointSlice,
  EndpointState,
  Service,
  ServicePort,
  ServiceView,
  TrafficPolicy,
} from '../../agent/objects.ts'
import { endpoint, port, service, slice } from './objects.ts'

const NODES = ['node1', 'node2', 'node3', '']
const ZONES = ['z1', 'z2', 'z3']
const CONDITIONS: readonly Pick<EndpointState, 'ready' | 'serving' | 'terminating'>[] = [
  { ready: true, serving: true, terminating: false },
  { ready: true, serving: true, terminating: false },
  { ready: false, serving: false, terminating: false },
  { ready: false, serving: true, terminating: true },
  { ready: false, serving: false, terminating: true },
]

/** `random`: 32 bits a call. */
export function randomView(random: () => number): ServiceView {
  const below = (n: number) => random() % n
  const pick = <T>(list: readonly T[]) => list[below(list.length)]!
  const chance = (percent: number) => below(100) < percent
  const policy = (): TrafficPolicy => pick(['Cluster', 'Local'])
  const ports = Array.from({ length: 1 + below(3) }, (_, i) => randomPort(i))

  function randomPort(i: number): ServicePort {
    return port({
      name: `p${i}`,
      port: 80 + i,
      protocol: pick(['TCP', 'UDP', 'SCTP']),
      nodePort: chance(50) ? 30_080 + i : 0,
    })
  }

  function randomService(): Service {
    const clusterIPs = pick([['10.96.0.1'], ['fd00:96::1'], ['10.96.0.1', 'fd00:96::1'], ['fd00:96::1', '10.96.0.1']])
    return service({
      type: 'LoadBalancer',
      clusterIPs: chance(3) ? ['None'] : clusterIPs,
      externalIPs: chance(40) ? ['203.0.113.1'] : [],
      loadBalancer: chance(40) ? [{ ip: '198.18.0.1', ipMode: pick(['VIP', 'Proxy']) }] : [],
      labels: chance(5)
        ? { [pick(['service.kubernetes.io/headless', 'service.kubernetes.io/service-proxy-name'])]: '' }
        : {},
      internalTrafficPolicy: policy(),
      externalTrafficPolicy: policy(),
      ports,
    })
  }

  function hints(): Pick<EndpointState, 'zoneHints' | 'nodeHints'> {
    const zones = Array.from({ length: 1 + below(2) }, () => pick(ZONES))
    return { ...(chance(90) && { zoneHints: zones }), ...(chance(60) && { nodeHints: [pick(NODES.slice(0, 3))] }) }
  }

  const ready = chance(30)
  const hinted = chance(60)

  function randomSlice(i: number): EndpointSlice {
    const v6 = chance(40)
    const endpoints = Array.from({ length: below(4) }, (_, k) => {
      const address = v6 ? `fd00:244::${i + 1}:${k + 1}` : `10.244.${i}.${k + 1}`
      const conditions = ready ? CONDITIONS[0] : pick(CONDITIONS)
      return endpoint(address, { ...conditions, nodeName: pick(NODES), ...(hinted && hints()) })
    })
    const own = ports.filter(() => chance(85)).map(({ name, protocol }) => ({ name, protocol, port: 8_000 + below(2) }))
    return slice(endpoints, { name: `web-${i}`, addressType: v6 ? 'IPv6' : 'IPv4', ports: own })
  }

  return { service: randomService(), slices: Array.from({ length: below(5) }, (_, i) => randomSlice(i)) }
}
