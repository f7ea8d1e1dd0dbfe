// SPDX-License-Identifier: Apache-2.0
/** `node api-agent.ts CONFIG KUBECONFIG`: the agent as `evenkeel run` has it, which prints a line of JSON for each update. */
import { pino } from 'pino'
import { type Agent, startAgent } from '../agent/agent.ts'
import { readConfig } from '../agent/config.ts'
import { writesOf } from '../agent/kernel/operations.ts'
import { kubernetesSource } from '../agent/source/kubernetes/kubernetes.ts'
import type { Source } from '../agent/source/source.ts'

export interface Applied {
  /** Milliseconds since 1970: the maps are written. */
  readonly at: number
  /** Milliseconds from the source's telling to then. */
  readonly took: number
  readonly services: number
  /** Since the start: elements written, and system calls on maps. */
  readonly writes: number
  readonly syscalls: number
}

const [configFile = '', kubeconfig = ''] = process.argv.slice(2)
const config = readConfig(configFile)
const { nodeName, serviceProxyName } = config
const inner = kubernetesSource({ kubeconfig, nodeName, serviceProxyName })

/** The source, with a look at the clock around each update. */
const source: Source = {
  stop: () => inner.stop(),
  start: events =>
    inner.start({
      ...events,
      onUpdate(update) {
        const began = performance.now()
        events.onUpdate(update)
        const ended = performance.now()
        const { operations } = agent
        const [writes, syscalls] = [writesOf(operations), operations.syscalls]
        const at = performance.timeOrigin + ended
        const applied: Applied = { at, took: ended - began, services: update.services.size, writes, syscalls }
        process.stdout.write(`${JSON.stringify(applied)}\n`)
      },
    }),
}

const onFatal = (error: Error) => {
  throw error
}
const agent: Agent = await startAgent({
  config,
  source,
  log: pino({ level: 'fatal' }),
  tally: { warnings: 0, errors: 0, lastError: undefined },
  onReady: () => undefined,
  onFatal,
})
process.once('SIGTERM', () => agent.stop())
