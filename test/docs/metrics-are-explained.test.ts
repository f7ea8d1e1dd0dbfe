// SPDX-License-Identifier: Apache-2.0
/** docs/metrics.md, the alerts and the dashboard against what a running agent says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { upLab } from '../../lab/up.ts'
import { type Family, scrape } from '../serve/scrape.ts'
import { namesIn, type Selector } from './promql.ts'

t.setTimeout(60_000)

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

const lab = await upLab({ name: `m${process.pid}`, topology: { nodes: [{ name: 'node1' }] } })
t.teardown(() => lab.down())
const { families } = await scrape(lab)

interface Documented {
  readonly type: string
  readonly labels: readonly string[]
}

/** Rows of the page's tables whose first cell is a metric. */
function documented(): Map<string, Documented> {
  const rows = [...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (gauge|counter|histogram) \|([^|]*)\|[^|]*\|$/gm)]
  return new Map(
    rows.map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!) },
    ]),
  )
}

/** What a metric is asked by: a histogram by its parts. */
function seriesOf(name: string, { type }: Documented): string[] {
  return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}

const page = documented()
const series = new Map([...page].flatMap(([name, of]) => seriesOf(name, of).map(one => [one, of] as const)))

t.test('metrics.md has every metric with its type and labels, and no other', async t => {
  t.same([...page.keys()].toSorted(), [...families.keys()].toSorted())
  for (const [name, { type, samples }] of families) {
    t.equal(page.get(name)?.type, type, name)
    const labels = new Set(samples.flatMap(({ labels }) => Object.keys(labels)).filter(label => label !== 'le'))
    if (samples.length > 0) t.same(page.get(name)?.labels.toSorted(), [...labels].toSorted(), name)
  }
})

/** Given by Prometheus to what it scrapes. */
const TARGET_LABELS = ['job', 'instance', 'node', 'pod', 'cluster']

function check(t: Tap, query: string): void {
  for (const { name, labels } of namesIn(query)) {
    if (name === 'up') continue
    const known = series.get(name)
    t.ok(known, `${name}: is a metric (${query})`)
    for (const label of labels)
      t.ok([...(known?.labels ?? []), ...TARGET_LABELS, 'le'].includes(label), `${name}: has ${label} (${query})`)
  }
}

type Tap = Pick<typeof t, 'ok'>

t.test('every query of the alerts is about metrics and labels that there are', async t => {
  const { groups } = parse(read('deploy/prometheus/alerts.yaml'))
  const rules = groups.flatMap(({ rules }: { rules: readonly Rule[] }) => rules) as readonly Rule[]
  t.ok(rules.length >= 8)
  for (const { alert, expr, annotations, labels } of rules) {
    check(t, expr)
    t.ok(annotations.summary && annotations.description, `${alert} says what to do`)
    t.match(labels.severity, /^(warning|critical|info)$/)
  }
})

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

t.test('every query of the dashboard is about metrics and labels that there are', async t => {
  const { panels, templating } = JSON.parse(read('deploy/grafana/evenkeel.json')) as Dashboard
  const targets = panels.flatMap(panel => panel.targets ?? [])
  t.ok(targets.length >= 15)
  for (const { expr } of targets) check(t, expr)
  for (const { query } of templating.list)
    if (query?.includes('(')) check(t, query.replace(/^label_values\((.*),\s*\w+\)$/, '$1'))
})

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
  readonly templating: { readonly list: readonly { readonly query?: string }[] }
}

/** Of kubernetes-mixin's dashboard "Kubernetes / Proxy" and alert KubeProxyDown, which kube-prometheus installs. */
const KUBE_PROMETHEUS: readonly Selector[] = [
  { name: 'kubeproxy_sync_proxy_rules_duration_seconds_count', labels: ['instance'] },
  { name: 'kubeproxy_sync_proxy_rules_duration_seconds_bucket', labels: ['instance', 'le'] },
  { name: 'kubeproxy_network_programming_duration_seconds_count', labels: ['instance'] },
  { name: 'kubeproxy_network_programming_duration_seconds_bucket', labels: ['instance', 'le'] },
  { name: 'rest_client_requests_total', labels: ['code', 'instance'] },
  { name: 'rest_client_request_duration_seconds_bucket', labels: ['verb', 'instance', 'le'] },
  { name: 'process_resident_memory_bytes', labels: ['instance'] },
  { name: 'process_cpu_seconds_total', labels: ['instance'] },
]

t.test("kube-prometheus' dashboard of kube-proxy finds what it asks for", async t => {
  for (const { name, labels } of KUBE_PROMETHEUS) check(t, `${name}{${labels.map(label => `${label}="x"`).join(',')}}`)
})

/** Types as of kube-proxy 1.36, pkg/proxy/metrics, for every mode. */
const KUBE_PROXY: Readonly<Record<string, string>> = {
  kubeproxy_network_programming_duration_seconds: 'histogram ip_family',
  kubeproxy_proxy_healthz_total: 'counter code',
  kubeproxy_proxy_livez_total: 'counter code',
  kubeproxy_sync_full_proxy_rules_duration_seconds: 'histogram ip_family',
  kubeproxy_sync_partial_proxy_rules_duration_seconds: 'histogram ip_family',
  kubeproxy_sync_proxy_rules_duration_seconds: 'histogram ip_family',
  kubeproxy_sync_proxy_rules_endpoint_changes_pending: 'gauge',
  kubeproxy_sync_proxy_rules_endpoint_changes_total: 'counter',
  kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds: 'gauge ip_family',
  kubeproxy_sync_proxy_rules_last_timestamp_seconds: 'gauge ip_family',
  kubeproxy_sync_proxy_rules_no_local_endpoints_total: 'gauge ip_family traffic_policy',
  kubeproxy_sync_proxy_rules_service_changes_pending: 'gauge',
  kubeproxy_sync_proxy_rules_service_changes_total: 'counter',
}

t.test("kube-proxy's metrics have its types and labels", async t => {
  const ours = [...families].filter(([name]) => name.startsWith('kubeproxy_'))
  t.same(Object.fromEntries(ours.map(([name, family]) => [name, shapeOf(name, family)])), KUBE_PROXY)
})

function shapeOf(name: string, { type }: Family): string {
  return [type, ...(page.get(name)?.labels ?? [])].join(' ')
}
