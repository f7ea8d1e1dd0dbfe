// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import type { Service, ServiceView } from '../../agent/objects.ts'
import { serveServiceHealth } from '../../agent/serve/service-health.ts'
import { endpoint, service, slice } from '../compile/objects.ts'
import { eventually } from '../eventually.ts'
import { inOwnNetwork } from '../own-network.ts'
import { keptLog, loopbackUp, probe, statusOf } from './probe.ts'

const PORT = 30100
const LOCAL = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } as const

function view(name: string, healthCheckNodePort: number, given: Partial<Service> = {}, ready = 1): ServiceView {
  const addresses = Array.from({ length: ready }, (_, i) => `10.244.1.${i + 2}`)
  const slices = [slice(addresses.map(address => endpoint(address)))]
  return { service: service({ name, healthCheckNodePort, ...LOCAL, ...given }), slices }
}

function start(t: Test, serves?: (address: string) => boolean) {
  const { log, errors } = keptLog()
  const proxy = { healthy: true }
  const health = serveServiceHealth({
    nodeName: 'node1',
    serviceProxyName: '',
    healthy: () => proxy.healthy,
    serves,
    log,
    retryMs: 50,
  })
  t.teardown(health.close)
  const put = (...views: readonly ServiceView[]) =>
    health.update(new Map(views.map(view => [`default/${view.service.name}`, view])))
  const remove = (name: string) => health.update(new Map([[`default/${name}`, undefined]]))
  return { health, put, remove, errors, proxy }
}

/** Who answers at a port. */
async function nameAt(port: number): Promise<string> {
  return probe(port).then(
    ({ body }) => JSON.parse(body).service.name,
    error => error.code,
  )
}

if (inOwnNetwork(import.meta.filename)) {
  loopbackUp()

  t.test('200 with the number of local ready endpoints, 503 without any', async t => {
    const { put } = start(t)
    for (const count of [1, 3, 0, 2]) {
      put(view('web', PORT, {}, count))
      for (const path of ['/', '/healthz', '/any/thing']) {
        const { status, headers, body } = await probe(PORT, { path })
        t.equal(status, count > 0 ? 200 : 503)
        t.match(headers, {
          'content-type': 'application/json',
          'x-content-type-options': 'nosniff',
          'x-load-balancing-endpoint-weight': String(count),
        })
        const named = { namespace: 'default', name: 'web' }
        t.same(JSON.parse(body), { service: named, localEndpoints: count, serviceProxyHealthy: true })
      }
    }
  })

  t.test('503 while the proxy is not healthy, with the count as it is', async t => {
    const { put, proxy } = start(t)
    put(view('web', PORT, {}, 2))
    proxy.healthy = false
    const { status, headers, body } = await probe(PORT)
    t.equal(status, 503)
    t.equal(headers['x-load-balancing-endpoint-weight'], '2')
    t.match(JSON.parse(body), { localEndpoints: 2, serviceProxyHealthy: false })
    proxy.healthy = true
    t.equal(await statusOf(PORT), 200)
  })

  t.test('each family is counted by itself, and a Service of one family answers over both', async t => {
    const { put } = start(t)
    const v6 = (count: number) => {
      const endpoints = Array.from({ length: count }, (_, i) => endpoint(`fd00:244:1::${i + 2}`))
      return slice(endpoints, { name: 'web-6', addressType: 'IPv6' })
    }
    const v4 = view('web', PORT, {}, 2)
    const weight = async (host: string) => (await probe(PORT, { host })).headers['x-load-balancing-endpoint-weight']
    put({ service: { ...v4.service, clusterIPs: ['10.96.0.10', 'fd00:96::10'] }, slices: [...v4.slices, v6(1)] })
    t.same([await weight('127.0.0.1'), await weight('::1')], ['2', '1'])
    put({ service: { ...v4.service, clusterIPs: ['fd00:96::10'] }, slices: [...v4.slices, v6(3)] })
    t.same([await weight('127.0.0.1'), await weight('::1')], ['3', '3'])
  })

  t.test('only type LoadBalancer with external policy Local, and only ours', async t => {
    const { put } = start(t)
    const others: Readonly<Record<string, Partial<Service>>> = {
      'policy Cluster': { externalTrafficPolicy: 'Cluster' },
      NodePort: { type: 'NodePort' },
      'no port': { healthCheckNodePort: 0 },
      'another proxy’s': { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } },
      headless: { clusterIPs: ['None'] },
    }
    for (const [what, given] of Object.entries(others)) {
      put(view('web', PORT))
      t.equal(await statusOf(PORT), 200)
      put(view('web', PORT, given))
      t.equal(await statusOf(PORT), 'ECONNREFUSED', `${what}: closed live`)
    }
  })

  t.test('opens, moves and closes with the Service', async t => {
    const { put, remove, health } = start(t)
    t.equal(await statusOf(PORT), 'ECONNREFUSED')
    put(view('web', PORT))
    t.equal(await statusOf(PORT), 200)
    put(view('web', PORT + 1))
    t.same([await statusOf(PORT), await statusOf(PORT + 1)], ['ECONNREFUSED', 200])
    put(view('web', PORT + 1, { uid: 'made again' }))
    t.equal(await statusOf(PORT + 1), 200)
    remove('web')
    t.equal(await statusOf(PORT + 1), 'ECONNREFUSED')
    put(view('web', PORT))
    health.close()
    t.equal(await statusOf(PORT), 'ECONNREFUSED', 'and with the agent')
  })

  t.test('ports change hands in one update', async t => {
    const { put, errors } = start(t)
    put(view('a', PORT), view('b', PORT + 1))
    put(view('a', PORT + 1), view('b', PORT))
    t.same([await nameAt(PORT), await nameAt(PORT + 1)], ['b', 'a'])
    t.same(errors(), [])
  })

  t.test('of two Services with one port the first keeps it, and the error names both', async t => {
    const { put, remove, errors } = start(t)
    put(view('first', PORT))
    put(view('second', PORT))
    put(view('second', PORT, {}, 2))
    t.equal(await nameAt(PORT), 'first')
    const line = `Service default/second: healthCheckNodePort ${PORT} is that of Service default/first: give one of them another`
    t.same(errors(), [line], 'said once')
    remove('first')
    t.equal(await nameAt(PORT), 'second', 'it takes over')
    put(view('first', PORT))
    t.equal(await nameAt(PORT), 'second')
    put(view('second', PORT + 1))
    t.same([await nameAt(PORT), await nameAt(PORT + 1)], ['first', 'second'])
  })

  t.test('of two that come at once the older one has it', async t => {
    const { put } = start(t)
    put(view('a', PORT), view('b', PORT, { created: 2 }), view('c', PORT, { created: 1 }))
    t.equal(await nameAt(PORT), 'c')
  })

  t.test('a port that a process has is an error, and is had once it is free', async t => {
    const other = createServer().listen(PORT)
    t.teardown(() => other.close())
    const { put, errors } = start(t)
    put(view('web', PORT), view('fine', PORT + 1))
    t.equal(await statusOf(PORT + 1), 200, 'the other Service is not affected')
    t.ok(await eventually(() => errors().length === 1))
    t.match(errors()[0], /^Service default\/web: healthCheckNodePort 30100: listen EADDRINUSE/)
    other.close()
    t.ok(await eventually(async () => (await statusOf(PORT)) === 200))
  })

  t.test('addresses that serve no nodePorts do not answer', async t => {
    const { put } = start(t, address => address.endsWith('127.0.0.1'))
    put(view('web', PORT))
    t.equal(await statusOf(PORT), 200)
    t.type(await statusOf(PORT, { host: '127.0.0.2' }), 'string', 'an error')
  })
}
