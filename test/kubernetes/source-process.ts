// SPDX-License-Identifier: Apache-2.0
/** A process with a source on the kubeconfig that its argument names: it sends what each update has, when, and its memory. */
import { kubernetesSource } from '../../agent/source/kubernetes/kubernetes.ts'

export interface Seen {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly services: number
  readonly endpoints: number
  /** Bytes. */
  readonly rss: number
}

const source = kubernetesSource({ kubeconfig: process.argv[2], nodeName: 'node1', serviceProxyName: '' })
process.once('message', () => source.stop().then(() => process.disconnect()))
await source.start({
  onUpdate: ({ services }) => {
    const slices = [...services.values()].flatMap(view => view?.slices ?? [])
    const endpoints = slices.reduce((sum, { endpoints }) => sum + endpoints.length, 0)
    const at = performance.timeOrigin + performance.now()
    process.send?.({ at, services: services.size, endpoints, rss: process.memoryUsage.rss() } satisfies Seen)
  },
  onProblems: problems => process.stderr.write(`${JSON.stringify(problems)}\n`),
})
