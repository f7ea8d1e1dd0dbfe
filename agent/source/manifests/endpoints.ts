// SPDX-License-Identifier: Apache-2.0
/** From Pods to EndpointSlices, as Kubernetes' endpointslice controller makes them (k8s.io/endpointslice). */
import { packEndpoints } from '../../endpoints.ts'
import type { Endpoint, EndpointSlice, EndpointState, Node, Service, ServicePort, SlicePort } from '../../objects.ts'
import { type Family, familyOf } from './address.ts'
import type { Pod, ServiceManifest } from './manifest.ts'

/** `families`: those of the Service's cluster IPs. One slice for each family and each set of resolved ports. */
export function slicesFromPods(
  manifest: ServiceManifest,
  families: readonly Family[],
  pods: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
): readonly EndpointSlice[] {
  const { namespace, name } = manifest.service
  return families.flatMap(family =>
    groupByPorts(manifest.service, pods, family).map(({ ports, pods }, i) => ({
      namespace,
      name: `${name}-${family.toLowerCase()}-${i}`,
      service: `${namespace}/${name}`,
      addressType: family,
      ports,
      endpoints: packEndpoints(pods.map(pod => endpoint(manifest, pod, family, nodes.get(pod.nodeName)))),
    })),
  )
}

interface Group {
  readonly ports: readonly SlicePort[]
  readonly pods: Pod[]
}

/** Pods that resolve the Service's ports to the same numbers share a slice; those that resolve none are left out. */
function groupByPorts(service: Service, pods: readonly Pod[], family: Family): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const pod of pods) {
    if (pod.finished || !pod.addresses.some(address => familyOf(address) === family)) continue
    const ports = service.ports.flatMap(port => resolve(port, pod))
    if (ports.length === 0 && service.ports.length > 0) continue
    const signature = ports.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`).join()
    const group = groups.get(signature) ?? { ports, pods: [] }
    group.pods.push(pod)
    groups.set(signature, group)
  }
  return [...groups.keys()].sort().flatMap(signature => groups.get(signature) ?? [])
}

/** The port on this pod; none when the pod has no container port of that name and protocol. */
function resolve({ name, protocol, targetPort }: ServicePort, pod: Pod): readonly SlicePort[] {
  if (typeof targetPort === 'number') return [{ name, protocol, port: targetPort }]
  const found = pod.ports.find(port => port.name === targetPort && port.protocol === protocol)
  return found ? [{ name, protocol, port: found.port }] : []
}

function endpoint(manifest: ServiceManifest, pod: Pod, family: Family, node: Node | undefined): Endpoint {
  const { ready: serving, terminating, nodeName } = pod
  const ready = manifest.publishNotReadyAddresses || (serving && !terminating)
  const zone = node?.zone ?? ''
  const state = {
    ready,
    serving,
    terminating,
    nodeName,
    zone,
    ...(ready && hints(manifest.service.trafficDistribution, zone, nodeName)),
  }
  return { address: pod.addresses.find(address => familyOf(address) === family) ?? '', state }
}

/** Each ready endpoint is hinted to where it is (k8s.io/endpointslice/trafficdist). */
function hints(distribution: string, zone: string, nodeName: string): Pick<EndpointState, 'zoneHints' | 'nodeHints'> {
  if (distribution === '') return {}
  return {
    ...(zone !== '' && { zoneHints: [zone] }),
    ...(distribution === 'PreferSameNode' && nodeName !== '' && { nodeHints: [nodeName] }),
  }
}
