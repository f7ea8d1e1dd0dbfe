// SPDX-License-Identifier: Apache-2.0
/**
 * A process with a manifests source of its own on the folder that its first argument names: it sends all addresses and node ports
 * that it knows after each update, and stops at any message.
 */
import { manifestsSource } from '../../agent/source/manifests/manifests.ts'

const [path = '', ...serviceCIDRs] = process.argv.slice(2)
const known = new Map<string, readonly (string | number)[]>()
const source = manifestsSource({
  paths: [path],
  nodeName: 'node1',
  allocationFile: `${path}/.allocations`,
  serviceCIDRs,
  debounceMs: 5,
  rescanMs: 300,
})
process.once('message', () => source.stop().then(() => process.disconnect()))
await source.start({
  onUpdate: ({ services }) => {
    for (const [key, view] of services) {
      if (view) known.set(key, [...view.service.clusterIPs, ...view.service.ports.map(({ nodePort }) => nodePort)])
      else known.delete(key)
    }
    process.send?.(Object.fromEntries([...known].sort()))
  },
  onProblems: () => undefined,
})
