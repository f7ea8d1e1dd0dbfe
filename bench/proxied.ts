// SPDX-License-Identifier: Apache-2.0
/** What the rules of a kube-proxy are about: ports of Services with their endpoints, over IPv4. */
import { createHash } from 'node:crypto'
import { manyBackend, manyVip } from './many-services.ts'

export interface ProxiedPort {
  /** "namespace/service:port" */
  readonly name: string
  /** Or only there beside those that are. */
  readonly isTested: boolean
  readonly clusterIP: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly nodePort?: number
  readonly endpoints: readonly { readonly address: string; readonly port: number }[]
}

/** Pods: what comes from elsewhere to a clusterIP is masqueraded. */
export const CLUSTER_CIDR = '10.244.0.0/16'

/** The same that writeServices() writes, then those that are tested. */
export function proxiedPorts(many: number, tested: readonly ProxiedPort[]): ProxiedPort[] {
  const others = Array.from(
    { length: many },
    (_, number): ProxiedPort => ({
      name: `many/many-${number}:http`,
      isTested: false,
      clusterIP: manyVip(number),
      protocol: 'tcp',
      port: 80,
      endpoints: [{ address: manyBackend(number), port: 8080 }],
    }),
  )
  return [...others, ...tested]
}

/** Of 16 letters and digits: chains are named by what they are for, and iptables takes 28 letters at most. */
export function hashOf(...parts: readonly (string | number)[]): string {
  const bytes = createHash('sha256').update(parts.join('/')).digest()
  return BigInt(`0x${bytes.subarray(0, 10).toString('hex')}`)
    .toString(32)
    .padStart(16, '0')
    .toUpperCase()
}
