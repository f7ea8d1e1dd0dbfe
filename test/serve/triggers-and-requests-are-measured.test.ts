// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import type { EndpointSlice, ServiceView } from '../../agent/objects.ts'
import { addChange, noChanges } from '../../agent/reconcile/changes.ts'
import { createLocalless } from '../../agent/reconcile/localless.ts'
import { createApiClientMetrics } from '../../agent/serve/metrics/api-client.ts'
import { expose } from '../../agent/serve/metrics/exposition.ts'
import { Registry } from '../../agent/serve/metrics/prom-client.ts'
import { createProxyMetrics } from '../../agent/serve/metrics/proxy.ts'
import { type ApiObject, service, slice } from '../kubernetes/objects.ts'
import { addresses, read, startServer } from '../kubernetes/source.ts'

const ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

function triggered(address: string, time: Date): ApiObject {
  const made = slice('web-1', [address])
  return { ...made, metadata: { ...made.metadata, annotations: { [ANNOTATION]: time.toISOString() } } }
}

t.test('the time from a trigger to the maps is measured, of changes since the start alone', async t => {
  const startedAt = Date.now() - 10_000
  const old = triggered('10.1.0.1', new Date(startedAt - 60_000))
  const server = await startServer(t, [service('web'), old])
  const reading = await read(t, server)
  await reading.synced()
  const registry = new Registry()
  const metrics = createProxyMetrics(registry, startedAt)
  const value = async (name: string) =>
    Number(new RegExp(`^${name}\\{ip_family="IPv4"\\} (.*)$`, 'm').exec(await expose(registry, 'text'))?.[1])
  const apply = (before: ServiceView | undefined, after: ServiceView) => {
    const changes = noChanges()
    addChange(changes, before, after)
    metrics.applied({ localless: createLocalless(), full: false, seconds: 0.001, changes })
    return changes
  }
  const name = 'kubeproxy_network_programming_duration_seconds'
  const first = reading.services.get('default/web')!
  t.equal((first.slices[0] as EndpointSlice).triggered, startedAt - 60_000, 'over protobuf or JSON')
  apply(undefined, first)
  t.equal(await value(`${name}_count`), 0, 'it was there before us')
  server.store.put(triggered('10.1.0.2', new Date(Date.now() - 3_000)))
  await reading.until(() => addresses(reading.services.get('default/web'))[0] === '10.1.0.2')
  const second = reading.services.get('default/web')!
  t.match(apply(first, second), { services: 0, slices: 1 })
  t.equal(await value(`${name}_count`), 1)
  const took = await value(`${name}_sum`)
  t.ok(took >= 3 && took < 10, `${took} s`)
  apply(second, { ...second, service: { ...second.service } })
  t.equal(await value(`${name}_count`), 1, 'a slice that has not changed counts once')
})

t.test('requests to the API server are counted as client-go counts them', async t => {
  const registry = new Registry()
  const requested = createApiClientMetrics(registry)
  requested({ method: 'GET', host: '10.0.0.1:6443', status: 200, seconds: 0.02 })
  requested({ method: 'GET', host: '10.0.0.1:6443', status: undefined, seconds: 0.001 })
  const text = await expose(registry, 'text')
  t.match(text, 'rest_client_requests_total{code="200",method="GET",host="10.0.0.1:6443"} 1\n')
  t.match(text, 'rest_client_requests_total{code="<error>",method="GET",host="10.0.0.1:6443"} 1\n')
  t.match(text, 'rest_client_request_duration_seconds_bucket{le="0.025",verb="GET",host="10.0.0.1:6443"} 2\n')
})
