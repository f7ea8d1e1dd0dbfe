// SPDX-License-Identifier: Apache-2.0
/** Services for tests: before the three hostnames pods of the default topology, with addresses of the test's choice. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { Dialled } from '../../lab/dial.ts'
import type { Lab } from '../../lab/lab.ts'

export const BACKENDS = ['hostnames-0', 'hostnames-1', 'hostnames-2']
export const VIP = { IPv4: '10.96.7.1', IPv6: 'fd00:96::7:1' } as const
export const FAMILIES = ['IPv4', 'IPv6'] as const

export interface ServiceOptions {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly clusterIPs?: readonly string[]
  /** Default: 80 to the pods' HTTP port, 53 to their UDP port. */
  readonly ports?: readonly object[]
  readonly selector?: Readonly<Record<string, string>>
  readonly affinitySeconds?: number
}

const PORTS = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'udp', port: 53, protocol: 'UDP', targetPort: 'udp' },
]

export function service(options: ServiceOptions = {}): string {
  const { name = 'web', labels = {}, clusterIPs = Object.values(VIP), ports = PORTS, affinitySeconds } = options
  const affinity = affinitySeconds && {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds } },
  }
  const selector = options.selector ?? { app: 'hostnames' }
  const spec = { clusterIP: clusterIPs[0], clusterIPs, ipFamilyPolicy: 'PreferDualStack', selector, ports, ...affinity }
  return stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, labels }, spec })
}

export function putManifest(lab: Lab, file: string, text: string): void {
  writeFileSync(join(lab.manifests, file), text)
}

export function removeManifest(lab: Lab, file: string): void {
  rmSync(join(lab.manifests, file))
}

/** Who answered how often; failures under their code. */
export function tally(outcomes: readonly Dialled[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { pod, error } of outcomes) counts[pod ?? error ?? ''] = (counts[pod ?? error ?? ''] ?? 0) + 1
  return counts
}

export function whoAnswered(outcomes: readonly Dialled[]): string[] {
  return Object.keys(tally(outcomes)).toSorted()
}

/** Looks again until it holds, or for five seconds; answers whether it did. */
export async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > deadline) return false
    await sleep(50)
  }
  return true
}
