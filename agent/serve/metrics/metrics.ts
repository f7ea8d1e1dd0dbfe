// SPDX-License-Identifier: Apache-2.0
/** All metrics of the agent, told what it does, and written out when somebody asks. */
import type { LogTally } from '../../log.ts'
import type { SourceRequest } from '../../source/source.ts'
import { type AgentMetrics, createAgentMetrics } from './agent.ts'
import { createApiClientMetrics } from './api-client.ts'
import { createDataplaneMetrics, type DataplaneMetrics, type DataplaneState } from './dataplane.ts'
import { expose, type Format } from './exposition.ts'
import { createProcessMetrics } from './process.ts'
import { Registry } from './prom-client.ts'
import { createProxyMetrics, type ProxyMetrics } from './proxy.ts'
import { createServiceMetrics, type ServiceMetricsOptions } from './services.ts'

export interface Metrics extends ProxyMetrics, DataplaneMetrics, AgentMetrics {
  requested(request: SourceRequest): void
  expose(format: Format): Promise<string>
}

export type MetricsOptions = DataplaneState & ServiceMetricsOptions & { readonly tally: LogTally }

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  const services = createServiceMetrics(registry, options)
  let refreshing: Promise<void> | undefined
  createProcessMetrics(registry)
  return {
    ...createProxyMetrics(registry),
    ...createDataplaneMetrics(registry, options),
    ...createAgentMetrics(registry, options.tally),
    requested: createApiClientMetrics(registry),
    async expose(format) {
      // Several scrapes at a time read the kernel once.
      refreshing ??= services.refresh().finally(() => {
        refreshing = undefined
      })
      await refreshing
      return expose(registry, format)
    },
  }
}
