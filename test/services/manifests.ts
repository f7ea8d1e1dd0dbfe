// SPDX-License-Identifier: Apache-2.0
/** Manifests of Services and changes of Pods' ones. */
import type { Family } from '../../lab/plan.ts'
import { changeObject, type Manifest } from '../cluster.ts'

export const FAMILIES = ['IPv4', 'IPv6'] as const

export const HTTP = { name: 'http', port: 80, targetPort: 'http' }
export const UDP = { name: 'udp', port: 80, protocol: 'UDP', targetPort: 'udp' }

/** Numbers from 1 to 9 name clusterIPs. */
export function vip(number = 1, family: Family = 'IPv4'): string {
  return family === 'IPv4' ? `10.96.0.${number}` : `fd00:96::${number}`
}

export interface ServiceOptions {
  readonly name?: string
  /** Of its clusterIPs. */
  readonly number?: number
  readonly metadata?: object
  /** Put over: the web pods, HTTP and UDP at port 80. */
  readonly spec?: object
}

/** A Service of both families, default/web at vip(1). */
export function service({ name = 'web', number = 1, metadata = {}, spec = {} }: ServiceOptions = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: {
      clusterIP: vip(number),
      clusterIPs: [vip(number), vip(number, 'IPv6')],
      ipFamilyPolicy: 'RequireDualStack',
      selector: { app: 'web' },
      ports: [HTTP, UDP],
      ...spec,
    },
  }
}

/** ClientIP affinity. */
export function sticky(timeoutSeconds?: number): object {
  return {
    sessionAffinity: 'ClientIP',
    ...(timeoutSeconds && { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
  }
}

/** Puts fields over the metadata of a Pod's file. */
export function changeMetadata(file: string, metadata: object): Promise<void> {
  return changeObject(file, pod => ({ ...pod, metadata: { ...pod.metadata, ...metadata } }))
}
