// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createHealth, type Health } from '../../agent/serve/health.ts'
import { answerHealth } from '../../agent/serve/health-endpoint.ts'
import { serveProbes } from '../../agent/serve/probe-server.ts'
import { node } from '../compile/objects.ts'
import { inOwnNetwork } from '../own-network.ts'
import { keptLog, loopbackUp, probe, statusOf } from './probe.ts'

const PORT = 10256
const TIMEOUT_MS = 200
const LATE_MS = 250

async function serve(t: Test): Promise<Health> {
  const health = createHealth(TIMEOUT_MS)
  const at = { host: undefined, port: PORT }
  const answer = (request: Parameters<typeof answerHealth>[0]) => answerHealth(request, health)
  const server = serveProbes({ what: 'health', advice: '', at, answer, log: keptLog().log })
  t.teardown(server.close)
  return health
}

const both = async () => [await statusOf(PORT), await statusOf(PORT, { path: '/livez' })]

if (inOwnNetwork(import.meta.filename)) {
  loopbackUp()

  t.test('before the first change it is healthy, as kube-proxy is', async t => {
    await serve(t)
    const before = Date.now()
    const { status, headers, body } = await probe(PORT)
    t.equal(status, 200)
    t.match(headers, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
    t.equal(headers['content-length'], String(body.length), 'no chunks')
    const { lastUpdated, currentTime, nodeEligible, ...rest } = JSON.parse(body)
    t.same(rest, {}, 'there are three fields')
    t.equal(nodeEligible, true)
    t.equal(lastUpdated, currentTime, 'a healthy proxy is up to date')
    t.ok(Date.parse(currentTime) >= before && Date.parse(currentTime) <= Date.now())
  })

  t.test('/livez has no nodeEligible', async t => {
    await serve(t)
    const { status, headers, body } = await probe(PORT, { path: '/livez' })
    t.equal(status, 200)
    t.match(headers, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
    t.same(Object.keys(JSON.parse(body)), ['lastUpdated', 'currentTime'])
  })

  t.test('a change that is applied in time leaves it healthy, however many there are', async t => {
    const health = await serve(t)
    const end = performance.now() + 2 * LATE_MS
    while (performance.now() < end) {
      health.queued('maps')
      await sleep(20)
      health.done('maps')
      t.same(await both(), [200, 200])
    }
  })

  t.test('a change that waits for longer than the time-out makes it unhealthy until it is applied', async t => {
    const health = await serve(t)
    health.queued('maps')
    health.done('maps')
    const applied = Date.now()
    health.queued('maps')
    t.same(await both(), [200, 200], 'not late yet')
    await sleep(LATE_MS)
    t.same(await both(), [503, 503])
    for (const path of ['/healthz', '/livez']) {
      const { lastUpdated, currentTime } = JSON.parse((await probe(PORT, { path })).body)
      t.ok(
        Math.abs(Date.parse(lastUpdated) - applied) < 20,
        `${path}: lastUpdated is when the change before was applied`,
      )
      t.ok(Date.parse(currentTime) - applied >= LATE_MS)
    }
    health.done('maps')
    t.same(await both(), [200, 200])
  })

  t.test('the oldest change counts, whatever comes after it', async t => {
    const health = await serve(t)
    const end = performance.now() + LATE_MS
    while (performance.now() < end) {
      health.queued('maps')
      await sleep(20)
    }
    t.same(await both(), [503, 503])
  })

  t.test('a change that the source can not give counts, too, though others are applied', async t => {
    const health = await serve(t)
    health.queued('source')
    await sleep(LATE_MS)
    health.queued('maps')
    health.done('maps')
    t.same(await both(), [503, 503])
    health.done('source')
    t.same(await both(), [200, 200])
  })

  t.test('what the source gives is no update until it is applied', async t => {
    const health = await serve(t)
    health.queued('maps')
    await sleep(LATE_MS)
    health.done('source')
    t.match(JSON.parse((await probe(PORT)).body), { lastUpdated: null })
  })

  t.test('unhealthy since the start: nothing was ever updated', async t => {
    const health = await serve(t)
    health.queued('source')
    await sleep(LATE_MS)
    t.match(JSON.parse((await probe(PORT)).body), { lastUpdated: null, nodeEligible: true })
  })

  t.test('a node on its way out is not eligible, which is nothing to /livez', async t => {
    const health = await serve(t)
    const tainted = (key: string) => node({ taints: [{ key, effect: 'NoSchedule' }] })
    const cases = [
      { what: 'no Node object', node: null, eligible: true },
      { what: 'a Node', node: node(), eligible: true },
      { what: 'another taint', node: tainted('DeletionCandidateOfClusterAutoscaler'), eligible: true },
      { what: 'the taint of the autoscaler', node: tainted('ToBeDeletedByClusterAutoscaler'), eligible: false },
      { what: 'the taint gone', node: node(), eligible: true },
      { what: 'a Node that is being deleted', node: node({ deleting: true }), eligible: false },
      { what: 'and then is gone', node: null, eligible: false },
      { what: 'a new Node', node: node(), eligible: true },
    ]
    for (const { what, node, eligible } of cases) {
      health.setNode(node)
      t.same(await both(), [eligible ? 200 : 503, 200], what)
      t.equal(JSON.parse((await probe(PORT)).body).nodeEligible, eligible, what)
    }
  })

  t.test('a source that can not be read is told, and is no reason to send traffic elsewhere', async t => {
    const health = await serve(t)
    health.setSourceError('API server https://10.0.0.1:6443: services can not be read')
    t.same(await both(), [200, 200])
    for (const path of ['/healthz', '/livez'])
      t.match(JSON.parse((await probe(PORT, { path })).body), { sourceError: /^API server/ })
    health.setSourceError(undefined)
    t.notOk('sourceError' in JSON.parse((await probe(PORT)).body))
  })

  t.test('other paths are not found; a query is no other path', async t => {
    await serve(t)
    for (const path of ['/', '/healthz/', '/healthzz', '/livez/ping', '/metrics', '//healthz'])
      t.equal(await statusOf(PORT, { path }), 404, path)
    for (const path of ['/healthz?verbose', '/livez?exclude=a&b']) t.equal(await statusOf(PORT, { path }), 200, path)
  })

  t.test('HEAD gets the status without a body', async t => {
    await serve(t)
    const { status, body } = await probe(PORT, { method: 'HEAD' })
    t.same([status, body], [200, ''])
  })
}
