// SPDX-License-Identifier: Apache-2.0
/**
 * kube-proxy's own metrics: names, types, labels, help and buckets as in its pkg/proxy/metrics of 1.36, so that what knows kube-proxy
 * knows us. docs/metrics.md tells what each means here, and which ones there are none of.
 */
import type { Changes } from '../../reconcile/changes.ts'
import type { Applied } from '../../reconcile/driver.ts'
import { POLICIES } from '../../reconcile/localless.ts'
import { Counter, Gauge, Histogram, type Registry } from './prom-client.ts'

export interface ProxyMetrics {
  /** An update has come. */
  queued(): void
  applied(applied: Applied): void
  probed(path: 'healthz' | 'livez', status: number): void
}

/** Both are changed in one pass; kube-proxy has a proxier for each. */
const FAMILIES = ['IPv4', 'IPv6'] as const

const SYNC_BUCKETS = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i)
const NETWORK_BUCKETS = [...steps(0.25, 0.25, 2), ...steps(1, 1, 59), ...steps(60, 5, 12), ...steps(120, 30, 7)]

function steps(first: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i * step)
}

/** `startedAt`: milliseconds since the epoch. */
export function createProxyMetrics(registry: Registry, startedAt = Date.now()): ProxyMetrics {
  const registers = [registry]
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge({ name: `kubeproxy_${name}`, help, labelNames, registers })
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter({ name: `kubeproxy_${name}`, help, labelNames, registers })
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `kubeproxy_${name}`, help, labelNames: ['ip_family'], buckets, registers })

  const sync = histogram('sync_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds', SYNC_BUCKETS)
  const parts = {
    full: histogram(
      'sync_full_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for full resyncs',
      SYNC_BUCKETS,
    ),
    partial: histogram(
      'sync_partial_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for partial resyncs',
      SYNC_BUCKETS,
    ),
  }
  const network = histogram(
    'network_programming_duration_seconds',
    'In Cluster Network Programming Latency in seconds',
    NETWORK_BUCKETS,
  )
  const lastSync = gauge(
    'sync_proxy_rules_last_timestamp_seconds',
    'The last time proxy rules were successfully synced',
    ['ip_family'],
  )
  const lastQueued = gauge(
    'sync_proxy_rules_last_queued_timestamp_seconds',
    'The last time a sync of proxy rules was queued',
    ['ip_family'],
  )
  const endpointsPending = gauge('sync_proxy_rules_endpoint_changes_pending', 'Pending proxy rules Endpoint changes')
  const endpoints = counter('sync_proxy_rules_endpoint_changes_total', 'Cumulative proxy rules Endpoint changes')
  const servicesPending = gauge('sync_proxy_rules_service_changes_pending', 'Pending proxy rules Service changes')
  const services = counter('sync_proxy_rules_service_changes_total', 'Cumulative proxy rules Service changes')
  const noLocal = gauge(
    'sync_proxy_rules_no_local_endpoints_total',
    'Number of services with a Local traffic policy and no endpoints',
    ['ip_family', 'traffic_policy'],
  )
  const probes = {
    healthz: counter('proxy_healthz_total', 'Cumulative proxy healthz HTTP status', ['code']),
    livez: counter('proxy_livez_total', 'Cumulative proxy livez HTTP status', ['code']),
  }
  endpointsPending.set(0)
  servicesPending.set(0)
  for (const ip_family of FAMILIES) {
    for (const one of [sync, parts.full, parts.partial, network]) one.zero({ ip_family })
    for (const one of [lastSync, lastQueued]) one.set({ ip_family }, 0)
    for (const traffic_policy of POLICIES) noLocal.set({ ip_family, traffic_policy }, 0)
  }

  /** Those of before the start say nothing about us, as with kube-proxy. */
  function programmed({ triggers }: Changes): void {
    for (const { family, time } of triggers)
      if (time > startedAt) network.observe({ ip_family: family }, Math.max(0, Date.now() - time) / 1_000)
  }

  return {
    queued() {
      for (const ip_family of FAMILIES) lastQueued.set({ ip_family }, Date.now() / 1_000)
    },
    applied({ localless, full, seconds, changes }) {
      services.inc(changes.services)
      endpoints.inc(changes.slices)
      programmed(changes)
      for (const ip_family of FAMILIES) {
        sync.observe({ ip_family }, seconds)
        parts[full ? 'full' : 'partial'].observe({ ip_family }, seconds)
        lastSync.set({ ip_family }, Date.now() / 1_000)
        for (const traffic_policy of POLICIES)
          noLocal.set({ ip_family, traffic_policy }, localless.count(ip_family, traffic_policy))
      }
    },
    probed: (path, status) => probes[path].inc({ code: status }),
  }
}
