// SPDX-License-Identifier: Apache-2.0
/** An agent that is killed behind a step of the migration: `node interrupted-agent.ts CONFIG MANIFESTS STEP`. */
import { startAgent } from '../../agent/agent.ts'
import { readConfiguration } from '../../agent/config.ts'
import { createLogging } from '../../agent/log.ts'
import { manifestsSource } from '../../agent/source/manifests/manifests.ts'

const [, , file, manifests = '', step = ''] = process.argv
const { config } = readConfiguration({ file, flags: { kubeProxy: {}, own: {} } })
const { nodeName, serviceCIDRs, nodePortRange, allocationFile } = config
const { log, tally } = createLogging({ level: 'info', format: 'json', node: nodeName })
const source = manifestsSource({ paths: [manifests], serviceCIDRs, nodePortRange, allocationFile, nodeName })
const fail = (error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(3)
}
await startAgent({
  config,
  source,
  log,
  tally,
  onReady: () => process.exit(4),
  onFatal: fail,
  onStep: done => {
    if (done.startsWith(step)) process.kill(process.pid, 'SIGKILL')
  },
}).catch(fail)
