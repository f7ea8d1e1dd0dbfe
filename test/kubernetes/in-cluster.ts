// SPDX-License-Identifier: Apache-2.0
/** A process with a source as in a pod: it prints the names of the Services of the first update, and ends. */
import { kubernetesSource } from '../../agent/source/kubernetes/kubernetes.ts'

const source = kubernetesSource({ nodeName: 'node1', serviceProxyName: '' })
await source.start({
  onUpdate: ({ services }) => {
    process.stdout.write(`${[...services.keys()].join(' ')}\n`)
    void source.stop()
  },
  onProblems: problems => process.stderr.write(`${JSON.stringify(problems)}\n`),
})
