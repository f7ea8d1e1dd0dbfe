// SPDX-License-Identifier: Apache-2.0
/** Everything that the agent serves over HTTP, told what the agent does. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { addressBytes } from '../kernel/address.ts'
import type { LogTally } from '../log.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import type { Problem, Update } from '../source/source.ts'
import { type AgentState, agentState, problemText } from './agent-state.ts'
import { parseBindAddress } from './bind-address.ts'
import { createHealth, type Health } from './health.ts'
import { answerHealth } from './health-endpoint.ts'
import type { Metrics } from './metrics/metrics.ts'
import { answerMetrics } from './metrics-endpoint.ts'
import { type ProbeServer, serveProbes } from './probe-server.ts'
import { serveServiceHealth } from './service-health.ts'

export interface Servers {
  /** An update has come, and goes into the maps now. */
  queued(): void
  /** It is in the maps. */
  applied(update: Update): void
  /** All problems of the source that stand now. */
  problems(problems: readonly Problem[]): void
  /** What was told last. */
  standing(): readonly Problem[]
  state(): AgentState
  close(): void
}

export interface ServersOptions {
  readonly config: Config
  readonly dataplane: Pick<Dataplane, 'nodeAddrs'>
  readonly metrics: Metrics
  readonly tally: LogTally
  readonly log: Logger
}

export function startServers(options: ServersOptions): Servers {
  const { config, dataplane, metrics, tally, log } = options
  const startedAt = new Date()
  const health = createHealth(config.healthTimeoutSeconds * 1_000)
  const endpoints = [serveHealth(options, health), serveMetrics(options)]
  const services = serveServiceHealth({
    nodeName: config.nodeName,
    serviceProxyName: config.serviceProxyName,
    healthy: () => health.report().healthy,
    serves: nodePortFilter(config, dataplane),
    log,
  })
  let standing: readonly Problem[] = []
  return {
    queued() {
      health.queued('maps')
      metrics.queued()
    },
    applied({ services: changed, node }) {
      health.done('maps')
      if (node !== undefined) health.setNode(node)
      services.update(changed)
    },
    problems(problems) {
      standing = problems
      if (problems.some(({ blocking }) => blocking)) health.queued('source')
      else health.done('source')
      const unread = problems.find(({ unread, blocking }) => unread || blocking)
      health.setSourceError(unread && problemText(unread))
      metrics.problems(problems)
    },
    standing: () => standing,
    state: () => agentState(health, standing, tally, startedAt),
    close() {
      for (const endpoint of endpoints) endpoint?.close()
      services.close()
    },
  }
}

function serveHealth({ config, metrics, log }: ServersOptions, health: Health): ProbeServer | undefined {
  const at = parseBindAddress(config.healthzBindAddress)
  if (at === undefined) return undefined
  return serveProbes({
    what: '/healthz and /livez',
    advice: 'End the process that has it (kube-proxy?), or choose another healthzBindAddress',
    at,
    answer(request) {
      const answer = answerHealth(request, health)
      const [path] = (request.url ?? '').split('?', 1)
      if (answer.status !== 404) metrics.probed(path === '/livez' ? 'livez' : 'healthz', answer.status)
      return answer
    },
    log,
  })
}

function serveMetrics({ config, metrics, log }: ServersOptions): ProbeServer | undefined {
  const at = parseBindAddress(config.metricsBindAddress)
  if (at === undefined) return undefined
  return serveProbes({
    what: '/metrics',
    advice: 'End the process that has it (kube-proxy?), or choose another metricsBindAddress',
    at,
    answer: request => answerMetrics(request, metrics, config),
    log,
  })
}

/** Health checks of Services are had where their nodePorts are, as with kube-proxy. */
function nodePortFilter({ nodePortAddresses }: Config, { nodeAddrs }: ServersOptions['dataplane']) {
  if (nodePortAddresses.length === 0) return undefined
  // The address is empty when the client has gone already.
  return (address: string) => address !== '' && nodeAddrs.lookup(addressBytes(address)) !== undefined
}
