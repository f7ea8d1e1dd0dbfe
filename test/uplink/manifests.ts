// SPDX-License-Identifier: Apache-2.0
/** Services that are reached from outside. */
import type { Manifest } from '../cluster.ts'

export interface ServiceOptions {
  readonly name?: string
  /** HTTP at this nodePort, UDP at the next one. */
  readonly nodePort?: number
  /** Default: both pods. */
  readonly selector?: Readonly<Record<string, string>>
  readonly spec?: object
  readonly status?: object
}

/** Of both families and both protocols: port 80 of TCP and UDP. */
export function service({
  name = 'web',
  nodePort = 30_080,
  selector = { app: 'web' },
  ...more
}: ServiceOptions = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type: 'NodePort',
      ipFamilyPolicy: 'RequireDualStack',
      selector,
      ports: [
        { name: 'http', port: 80, targetPort: 'http', nodePort },
        { name: 'udp', port: 80, targetPort: 'udp', nodePort: nodePort + 1, protocol: 'UDP' },
      ],
      ...more.spec,
    },
    ...(more.status && { status: more.status }),
  }
}

/** Of type LoadBalancer, at these addresses. */
export function balanced(addresses: readonly string[], options: ServiceOptions = {}): Manifest {
  const status = { loadBalancer: { ingress: addresses.map(ip => ({ ip })) } }
  return service({ ...options, spec: { type: 'LoadBalancer', ...options.spec }, status })
}
