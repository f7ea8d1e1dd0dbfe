// SPDX-License-Identifier: Apache-2.0
/** A process with a source on the kubeconfig that its argument names: it sends what each update has, when, and its memory. */
import { kubernetesSource } from '../../agent/source/kubernetes/kubernetes.ts'

export interface Seen {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly services: number
  readonly endpoints: number
  /** Bytes; `heap` after everything that is not used has been collected. */
  readonly rss: number
  readonly heap: number
  /** Milliseconds that this process has computed so far. */
  readonly cpu: number
}

/** Before anything was read. */
export type Began = Pick<Seen, 'rss' | 'heap' | 'cpu'>

function usage(): Began {
  const { user, system } = process.cpuUsage()
  const rss = process.memoryUsage.rss()
  if (!isFirst) return { rss, heap: 0, cpu: 0 }
  globalThis.gc?.()
  return { rss, heap: process.memoryUsage().heapUsed, cpu: (user + system) / 1_000 }
}

/** Later the collection would be in what is measured. */
let isFirst = true
process.send?.(usage())

const source = kubernetesSource({ kubeconfig: process.argv[2], nodeName: 'node1', serviceProxyName: '' })
process.once('message', () => source.stop().then(() => process.disconnect()))
await source.start({
  onUpdate: ({ services }) => {
    const slices = [...services.values()].flatMap(view => view?.slices ?? [])
    const endpoints = slices.reduce((sum, { endpoints }) => sum + endpoints.states.length, 0)
    const at = performance.timeOrigin + performance.now()
    process.send?.({ at, services: services.size, endpoints, ...usage() } satisfies Seen)
    isFirst = false
  },
  onProblems: problems => process.stderr.write(`${JSON.stringify(problems)}\n`),
})
