// SPDX-License-Identifier: Apache-2.0
/** Requests to the API server, under the names of client-go, which kube-proxy has them from. */
import type { SourceRequest } from '../../source/source.ts'
import { Counter, Histogram, type Registry } from './prom-client.ts'

const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** A watch counts when it begins: its latency is the time until then. */
export function createApiClientMetrics(registry: Registry): (request: SourceRequest) => void {
  const registers = [registry]
  const total = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'],
    registers,
  })
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Request latency in seconds. Broken down by verb, and host.',
    labelNames: ['verb', 'host'],
    buckets: BUCKETS,
    registers,
  })
  return ({ method, host, status, seconds }) => {
    total.inc({ code: status ?? '<error>', method, host })
    duration.observe({ verb: method, host }, seconds)
  }
}
