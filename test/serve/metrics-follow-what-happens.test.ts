// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import type { Status } from '../../agent/cli/status.ts'
import { HOOKS } from '../../agent/kernel/hooks.ts'
import { VERSION } from '../../agent/version.ts'
import { HTTP, service, vip } from '../services/manifests.ts'
import { CHECK, HEALTHZ, soon, upCluster } from './lab.ts'
import { get, type Scraped, scrape } from './scrape.ts'

t.setTimeout(120_000)

const cluster = await upCluster({ sweepSeconds: 1, metricsServices: 2 })
const { lab, put, change } = cluster
t.teardown(() => lab.down())

const NODE_PORT = 31800
const node1 = lab.plan.nodes.find(({ name }) => name === 'node1')!.addresses.v4
const dial = { protocol: 'http', timeout: 1000 } as const

/** A value, once it is as wished, or what it is after four seconds. */
const become = (name: string, labels: Record<string, string>, wished: number) =>
  soon(
    async () => (await scrape(lab)).value(name, labels),
    value => value === wished,
  )

t.test('both formats have the same values', async t => {
  const [text, open] = [await scrape(lab), await scrape(lab, 'node1', 'application/openmetrics-text')]
  t.equal(text.contentType, 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(open.contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.match(open.text, /\n# EOF\n$/)
  t.same(
    [...open.families].map(([name, { type }]) => (type === 'counter' ? `${name}_total` : name)),
    [...text.families.keys()],
  )
  const steady = (name: string) => /^(kubeproxy|evenkeel)_/.test(name)
  for (const [name, { samples }] of text.families)
    if (steady(name))
      t.same((open.families.get(name) ?? open.families.get(name.replace(/_total$/, '')))?.samples, samples)
})

t.test("what else is at kube-proxy's port", async t => {
  t.match(await get(lab, 'node1', '/proxyMode'), { status: 200, body: 'ebpf', headers: /content-type: text\/plain/i })
  t.match(await get(lab, 'node1', '/healthz'), { status: 200, body: 'ok' })
  t.equal((await get(lab, 'node1', '/metricsz')).status, 404)
  const { status, body } = await get(lab, 'node1', '/configz')
  t.equal(status, 200)
  t.match(JSON.parse(body), {
    'evenkeel.io': { nodeName: 'node1', sweepSeconds: 1, healthzBindAddress: '0.0.0.0:10256' },
  })
})

t.test('only the node itself is served', async t => {
  const { status } = await cluster.ask('node1', 10249, { path: '/metrics' })
  t.equal(status, 0)
})

t.test('the first update is a full sync of both families, a change a partial one', async t => {
  const of = async (part: string, ip_family: string) =>
    (await scrape(lab)).value(`kubeproxy_sync_${part}proxy_rules_duration_seconds_count`, { ip_family })
  for (const family of ['IPv4', 'IPv6']) {
    t.equal(await of('', family), 1)
    t.equal(await of('full_', family), 1)
    t.equal(await of('partial_', family), 0)
  }
  const before = await scrape(lab)
  const began = Date.now() / 1_000
  await put(
    'metered',
    service({ name: 'metered', number: 2, spec: { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] } }),
  )
  t.equal(await become('kubeproxy_sync_partial_proxy_rules_duration_seconds_count', { ip_family: 'IPv4' }, 1), 1)
  const after = await scrape(lab)
  const grown = (name: string) => after.value(name)! - before.value(name)!
  t.equal(grown('kubeproxy_sync_proxy_rules_service_changes_total'), 1)
  t.equal(grown('kubeproxy_sync_proxy_rules_endpoint_changes_total'), 2, 'a slice of each family')
  for (const stamp of ['last', 'last_queued'])
    t.ok(after.value(`kubeproxy_sync_proxy_rules_${stamp}_timestamp_seconds`, { ip_family: 'IPv4' })! >= began, stamp)
  t.equal(after.value('kubeproxy_sync_proxy_rules_service_changes_pending'), 0)
  t.ok(grown('evenkeel_map_entries') > 0)
})

t.test('Services with a Local policy and no endpoint here are counted', async t => {
  const labels = (traffic_policy: string) => ({ traffic_policy, ip_family: 'IPv6' })
  const name = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total'
  t.equal((await scrape(lab)).value(name, labels('internal')), 0)
  const local = { internalTrafficPolicy: 'Local', selector: { app: 'web', here: 'no' } }
  await change('web-2', { metadata: { name: 'web-2', namespace: 'default', labels: { app: 'web', here: 'no' } } })
  await put('local', service({ name: 'local', number: 3, spec: local }))
  t.equal(await become(name, labels('internal'), 1), 1, 'web-2 is on node2')
  t.equal((await scrape(lab)).value(name, labels('external')), 0)
  t.equal((await scrape(lab, 'node2')).value(name, labels('internal')), 0)
  await put('local', service({ name: 'local', number: 3, spec: { ...local, internalTrafficPolicy: 'Cluster' } }))
  t.equal(await become(name, labels('internal'), 0), 0)
})

t.test('what a Service serves and turns away is counted', async t => {
  const named = { namespace: 'default', service: 'metered', port: 'http', protocol: 'TCP' }
  const before = await scrape(lab)
  await lab.dial('node1', { ...dial, address: vip(2), port: 80, count: 5 })
  const from = await lab.dial('outside', { ...dial, address: node1, port: NODE_PORT, count: 3 })
  t.equal(from.filter(({ pod }) => pod).length, 3, 'outside is served')
  await lab.dial('node1', { ...dial, address: vip(2), port: 81, count: 4 })
  const after = await scrape(lab)
  const grown = (name: string, labels = {}) => (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0)
  t.equal(grown('evenkeel_service_connections_total', named), 8)
  t.ok(grown('evenkeel_service_packets_total', named) >= 3 * 6, 'only those from outside are packets')
  t.ok(grown('evenkeel_service_bytes_total', named) >= 3 * 6 * 40)
  t.equal(grown('evenkeel_rejected_total', { reason: 'NO_SUCH_PORT' }), 4)
  t.equal(grown('evenkeel_rejected_total', { reason: 'NO_ENDPOINTS' }), 0)
  const flows = () => scrape(lab).then(({ value }) => value('evenkeel_flows', { state: 'closing' }))
  t.ok(await soon(flows, value => value! >= 3), 'the last sweep has seen the flows')
})

t.test('the busiest Service ports have series, the rest share one that never shrinks', async t => {
  const connections = 'evenkeel_service_connections_total'
  const other = { service: 'other', namespace: '', port: '', protocol: '' }
  const shownIn = ({ families }: Scraped) => families.get(connections)!.samples.map(({ labels }) => labels.service)
  await lab.dial('node1', { ...dial, address: vip(1), port: 80, count: 5 })
  const before = await scrape(lab)
  t.same(shownIn(before).toSorted(), ['metered', 'other', 'web'], 'of five Service ports')
  await lab.dial('node1', { ...dial, address: vip(3), port: 80, count: 2 })
  const after = await scrape(lab)
  t.equal(after.value(connections, other)! - before.value(connections, other)!, 2, 'default/local is among the rest')
  await lab.dial('node1', { ...dial, address: vip(3), port: 80, count: 20 })
  const last = await scrape(lab)
  t.same(shownIn(last).toSorted(), ['local', 'metered', 'other'], 'it has become one of the busiest')
  t.equal(last.value(connections, { service: 'local' }), 22)
  // Those that web has had are its own still: what comes while it is among the rest is the rest's.
  t.equal(last.value(connections, other), after.value(connections, other))
})

t.test('probes are counted by their answer', async t => {
  await cluster.ask('node1', HEALTHZ)
  await cluster.ask('node1', HEALTHZ, { path: '/livez' })
  await cluster.ask('node1', HEALTHZ, { path: '/other' })
  await change('node1', { metadata: { name: 'node1', deletionTimestamp: new Date().toISOString() } })
  await soon(
    () => cluster.ask('node1', HEALTHZ),
    ({ status }) => status === 503,
  )
  const { value } = await scrape(lab)
  t.ok(value('kubeproxy_proxy_healthz_total', { code: '200' })! >= 1)
  t.ok(value('kubeproxy_proxy_healthz_total', { code: '503' })! >= 1)
  t.equal(value('kubeproxy_proxy_livez_total', { code: '200' }), 1)
  t.equal(value('kubeproxy_proxy_healthz_total', { code: '404' }), undefined)
})

t.test('programs are where they should be, and it shows when they are not', async t => {
  const { value } = await scrape(lab)
  t.equal(value('evenkeel_devices_attached', { role: 'uplink' }), 1)
  const all = Object.keys(HOOKS).length
  t.equal(value('evenkeel_socket_hooks', { state: 'wanted' }), all)
  t.equal(value('evenkeel_socket_hooks', { state: 'attached' }), all)
})

t.test('errors show: how many, and when the last was', async t => {
  t.equal((await scrape(lab)).value('evenkeel_log_lines_total', { level: 'error' }), 0)
  await put('twice', balancedTwice())
  t.ok(
    await soon(
      async () => (await scrape(lab)).value('evenkeel_log_lines_total', { level: 'error' })!,
      n => n > 0,
    ),
  )
  const { value } = await scrape(lab)
  t.ok(Math.abs(value('evenkeel_last_error_timestamp_seconds')! - Date.now() / 1_000) < 10)
  t.equal(value('evenkeel_source_readable'), 1, 'a bad object is no unreadable source')
})

t.test('status tells how the agent does, and when it does not run', async t => {
  const status = async () => {
    const { stdout } = await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])
    return (JSON.parse(stdout) as Status).agent
  }
  t.match(await status(), {
    version: VERSION,
    healthy: true,
    sourceReadable: true,
    lastApplied: /^\d{4}-/,
    lastError: { message: /healthCheckNodePort/ },
  })
  t.match((await lab.exec('node1', ['evenkeel', 'status'])).stdout, /^Agent\n(.*\n)+changes +applied in time/)
  await lab.stopAgent('node1')
  t.equal(await status(), null)
  t.match((await lab.exec('node1', ['evenkeel', 'status'])).stdout, /^Agent\ndoes not run here/)
})

/** With the health check's port of default/web. */
function balancedTwice() {
  return service({
    name: 'twice',
    number: 4,
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: CHECK },
  })
}
