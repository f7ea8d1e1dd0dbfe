// SPDX-License-Identifier: Apache-2.0
/** Everything that the agent serves over HTTP, told what the agent does. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { addressBytes } from '../kernel/address.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import type { Problem, Update } from '../source/source.ts'
import { parseBindAddress } from './bind-address.ts'
import { createHealth, type Health } from './health.ts'
import { answerHealth } from './health-endpoint.ts'
import { type ProbeServer, serveProbes } from './probe-server.ts'
import { serveServiceHealth } from './service-health.ts'

export interface Servers {
  /** An update has come, and goes into the maps now. */
  queued(): void
  /** It is in the maps. */
  applied(update: Update): void
  /** All problems of the source that stand now. */
  problems(problems: readonly Problem[]): void
  close(): void
}

export interface ServersOptions {
  readonly config: Config
  readonly dataplane: Pick<Dataplane, 'nodeAddrs'>
  readonly log: Logger
}

export function startServers({ config, dataplane, log }: ServersOptions): Servers {
  const health = createHealth(config.healthTimeoutSeconds * 1_000)
  const endpoint = serveHealth(config, health, log)
  const services = serveServiceHealth({
    nodeName: config.nodeName,
    serviceProxyName: config.serviceProxyName,
    healthy: () => health.report().healthy,
    serves: nodePortFilter(config, dataplane),
    log,
  })
  return {
    queued: () => health.queued('maps'),
    applied({ services: changed, node }) {
      health.done('maps')
      if (node !== undefined) health.setNode(node)
      services.update(changed)
    },
    problems(problems) {
      if (problems.some(({ blocking }) => blocking)) health.queued('source')
      else health.done('source')
    },
    close() {
      endpoint?.close()
      services.close()
    },
  }
}

function serveHealth({ healthzBindAddress }: Config, health: Health, log: Logger): ProbeServer | undefined {
  const at = parseBindAddress(healthzBindAddress)
  if (at === undefined) return undefined
  return serveProbes({
    what: '/healthz and /livez',
    advice: 'End the process that has it (kube-proxy?), or choose another healthzBindAddress',
    at,
    answer: request => answerHealth(request, health),
    log,
  })
}

/** Health checks of Services are had where their nodePorts are, as with kube-proxy. */
function nodePortFilter({ nodePortAddresses }: Config, { nodeAddrs }: ServersOptions['dataplane']) {
  if (nodePortAddresses.length === 0) return undefined
  // The address is empty when the client has gone already.
  return (address: string) => address !== '' && nodeAddrs.lookup(addressBytes(address)) !== undefined
}
