// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { complaints } from '../../agent/serve/complaints.ts'
import { createEventRecorder } from '../../agent/serve/events.ts'
import { kubernetesSource } from '../../agent/source/kubernetes/kubernetes.ts'
import { eventually } from '../eventually.ts'
import { kubeconfig, makeFolder } from '../kubernetes/source.ts'
import { keptLog } from './probe.ts'

interface Sent {
  readonly method: string
  readonly path: string
  readonly type: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: what a server gets
  readonly body: any
}

/** An API server as far as writing Events goes: it takes what the real one's validation takes. */
async function start(t: Test) {
  const sent: Sent[] = []
  const state = { status: 201, time: Date.parse('2026-11-21T12:00:00Z') }
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    sent.push({ method, path, type: headers['content-type'], body: await json(request) })
    response.writeHead(state.status, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = kubernetesSource({
    kubeconfig: kubeconfig(t, url, {}, {}, makeFolder(t)),
    nodeName: 'node1',
    serviceProxyName: '',
  })
  t.teardown(async () => {
    await source.stop()
    server.closeAllConnections()
    server.close()
  })
  const { log } = keptLog()
  const now = () => state.time
  const recorder = createEventRecorder({ node: 'node1', send: source.send, uidOf: key => `uid of ${key}`, log, now })
  const come = (n: number) => eventually(() => sent.length === n)
  return { sent, state, recorder, come }
}

const CONFLICT =
  'Service default/b: spec.externalIPs: 192.0.2.1:80/TCP belongs to Service default/a, which is older: change one of the two'

t.test('a complaint is an Event at the Service that it is about', async t => {
  const { sent, recorder, come } = await start(t)
  complaints(recorder)(
    ['Service default/web: no id is left'],
    [CONFLICT, 'Service x/y: spec.externalIPs[0]: bad', 'other: thing'],
  )
  t.ok(await come(3))
  t.same(
    sent.map(({ body }) => [body.regarding.name, body.reason]),
    [
      ['web', 'NotServed'],
      ['b', 'FrontendConflict'],
      ['y', 'FieldIgnored'],
    ],
  )
  const [, { method, path, type, body }] = sent as [Sent, Sent, Sent]
  t.same([method, path, type], ['POST', '/apis/events.k8s.io/v1/namespaces/default/events', 'application/json'])
  t.match(body, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: 'default', name: /^b\.[0-9a-f]{16}$/ },
    eventTime: '2026-11-21T12:00:00.000000Z',
    type: 'Warning',
    action: 'Serve',
    note: /^spec\.externalIPs: 192\.0\.2\.1:80\/TCP belongs to Service default\/a/,
    regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'b', uid: 'uid of default/b' },
    reportingController: 'evenkeel.io/agent',
    reportingInstance: 'node1',
  })
})

t.test('the same again is counted in the same Event, and written once a minute', async t => {
  const { sent, state, recorder, come } = await start(t)
  const complain = complaints(recorder)
  for (let i = 0; i < 10; i++) complain([], [CONFLICT])
  state.time += 60_000
  complain([], [CONFLICT])
  t.ok(await come(2))
  t.match(sent[1], {
    method: 'PATCH',
    path: `${sent[0]!.path}/${sent[0]!.body.metadata.name}`,
    type: 'application/merge-patch+json',
    body: { series: { count: 11, lastObservedTime: '2026-11-21T12:01:00.000000Z' } },
  })
  state.time += 360_000
  complain([], [CONFLICT])
  t.ok(await come(3))
  t.equal(sent[2]!.method, 'POST', 'after a while it is news again')
})

t.test('however many things there are to tell, few are told', async t => {
  const { sent, state, recorder, come } = await start(t)
  const complain = complaints(recorder)
  const many = () => Array.from({ length: 1_000 }, (_, i) => `Service default/s${i}: is bad at ${state.time}`)
  complain(many(), [])
  t.ok(await come(20))
  state.time += 30_000
  complain(many(), [])
  t.ok(await come(23), 'one every ten seconds')
  t.ok(sent.every(({ body }) => body.note.length <= 1024))
})

t.test('a server that does not take it changes nothing, and is told when it happens again', async t => {
  const { sent, state, recorder, come } = await start(t)
  const complain = complaints(recorder)
  state.status = 403
  complain([], [CONFLICT])
  t.ok(await come(1))
  await new Promise(resolve => setTimeout(resolve, 50))
  state.status = 201
  complain([], [CONFLICT])
  t.ok(await come(2))
  t.equal(sent[1]!.method, 'POST')
})

t.test('without an API server nothing is sent', t => {
  const { log, errors } = keptLog()
  const recorder = createEventRecorder({ node: 'node1', send: undefined, uidOf: () => undefined, log })
  complaints(recorder)([CONFLICT], [])
  t.same(errors(), [])
  t.end()
})
