// SPDX-License-Identifier: Apache-2.0
/** Services whose backends elsewhere answer outside clients directly, and what a place has received. */
import type { Manifest } from '../cluster.ts'
import type { Cluster } from '../uplink/fixture.ts'
import { balanced, type ServiceOptions } from '../uplink/manifests.ts'

export function forwarded(forwarding: string, addresses: readonly string[], options: ServiceOptions): Manifest {
  const manifest = balanced(addresses, options)
  const metadata = { name: options.name, annotations: { 'evenkeel.io/forwarding': forwarding } }
  return { ...manifest, metadata }
}

/** Bytes that a place has received at its uplink. */
export async function received({ lab }: Cluster, where: string): Promise<number> {
  const { stdout } = await lab.exec(where, ['ip', '-s', '-j', 'link', 'show', 'dev', 'eth0'])
  return JSON.parse(stdout)[0].stats64.rx.bytes
}
