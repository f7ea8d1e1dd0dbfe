// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createStore } from './api-store.ts'
import { toProtobuf } from './encode.ts'
import { service, slice } from './objects.ts'
import { inEachEncoding, read, settle, startServer } from './source.ts'
import type { Watcher } from './watcher.ts'

const objects = [service('web'), slice('web-1', ['10.1.0.1'])]

inEachEncoding(t, 'the server is down, and comes back', async t => {
  const server = await startServer(t, objects)
  const reading = await read(t, server)
  await reading.until(() => server.watchers.size === 3)
  const { port } = new URL(server.url)
  await server.stop()
  const before = new Date().toISOString().slice(0, 13)
  await reading.until(() => reading.problems()[0]?.includes('endpointslices, nodes, services') ?? false)
  await settle()
  t.equal(reading.problems().length, 1, 'one problem for one cause')
  t.match(
    reading.problems()[0],
    `error API server ${server.url}: endpointslices, nodes, services can't be read since ${before}`,
  )
  t.match(reading.problems()[0], /: connect ECONNREFUSED 127\.0\.0\.1:\d+\. Until then what is served stays as it is/)
  const said = reading.problems()[0]
  await settle()
  t.equal(reading.problems()[0], said, 'the time is that of the first failure')
  t.equal(reading.updates.length, 1)

  const again = await startServer(t, [], { port: Number(port), store: server.store })
  again.store.put(service('b'))
  await reading.until(() => reading.services.has('default/b'))
  await reading.until(() => reading.problems().length === 0)
  t.equal(again.lists('Service').length, 0, 'so short an absence needs no list')
})

inEachEncoding(
  t,
  'after a long outage all is listed: the server may have been restored to an older version',
  async t => {
    const server = await startServer(t, objects)
    server.store.put(service('written-after-the-back-up'))
    server.store.version += 1_000
    for (let i = 0; i < 5; i++) server.store.put(service('web', {}, { labels: { i: String(i) } }))
    const reading = await read(t, server, { times: { outage: 100 } })
    await reading.until(() => server.watchers.size === 3)
    const { port } = new URL(server.url)
    await server.stop()
    await settle()
    const again = await startServer(t, [...objects, service('c')], { port: Number(port), store: createStore(500) })
    await reading.until(() => reading.services.has('default/c'))
    await reading.until(() => !reading.services.has('default/written-after-the-back-up'))
    again.store.put(service('d'))
    await reading.until(() => reading.services.has('default/d'))
    t.ok(reading.services.has('default/web'))
  },
)

const LIST = { kind: 'ServiceList', metadata: { resourceVersion: '1' }, items: [service('web')] }

function answerProtobuf(bytes: Buffer): (response: ServerResponse) => void {
  return response => response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' }).end(bytes)
}

const NONSENSE: Readonly<Record<string, readonly [(response: ServerResponse) => void, RegExp]>> = {
  'a page of HTML': [response => response.end('<html>log in</html>'), /the answer is not JSON: "<html>log in<\/html>"/],
  'an empty answer': [response => response.end(), /the answer is not JSON: ""/],
  'half a document': [response => response.end('{"kind":"Serv'), /is not JSON: "{\\"kind\\":\\"Serv"/],
  'another kind of list': [
    response => response.end('{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}'),
    /the answer is no (Service|EndpointSlice|Node)List/,
  ],
  'a list without a version': [
    response => response.end('{"kind":"ServiceList","metadata":{},"items":[]}'),
    /is a ServiceList without items or version/,
  ],
  'an item without a name': [
    response => response.end('{"kind":"ServiceList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{}}]}'),
    /the answer is no Service: "{\\"metadata\\":{}}"/,
  ],
  'a redirect': [response => response.writeHead(302, { location: '/login' }).end(), /302 without a reason/],
  'a page of HTML that it calls protobuf': [
    answerProtobuf(Buffer.from('<html>')),
    /is not protobuf of Kubernetes: "<html>"/,
  ],
  'half a message': [answerProtobuf(toProtobuf(LIST).subarray(0, -1)), /the answer is no Unknown in protobuf/],
  'a message of another kind': [answerProtobuf(toProtobuf({ kind: 'Status' })), /the answer is no \w+List/],
  'no HTTP': [response => response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'), /Parse Error: Expected HTTP/],
}

for (const [what, [answer, reason]] of Object.entries(NONSENSE))
  t.test(`the server answers with ${what}`, async t => {
    const server = await startServer(t, objects)
    const reading = await read(t, server, { times: { outage: 50 } })
    await reading.until(() => server.watchers.size === 3)
    server.intercept = () => answer
    for (const watcher of server.watchers) watcher.break()
    await reading.until(() => reading.problems().some(problem => reason.test(problem)))
    await settle()
    t.equal(reading.updates.length, 1)
    server.intercept = () => undefined
    server.store.put(service('b'))
    await reading.until(() => reading.services.has('default/b'))
    await reading.until(() => reading.problems().length === 0)
    t.ok(reading.services.has('default/web'))
  })

const NONSENSE_EVENTS: readonly ((watcher: Watcher) => void)[] = [
  watcher => watcher.bytes('<html>\n'),
  watcher => watcher.frame('NEWS', { kind: 'Status' }),
  watcher => watcher.frame('ADDED', { kind: 'Status' }),
  watcher => watcher.bytes(watcher.encoding === 'json' ? '[]\n' : Buffer.from([0, 0, 0, 3, 1, 2, 3])),
]

inEachEncoding(t, 'a watch brings nonsense', async t => {
  const server = await startServer(t, objects)
  const reading = await read(t, server)
  await reading.until(() => server.watchers.size === 3)
  for (const send of NONSENSE_EVENTS) {
    for (const watcher of server.watchers) send(watcher)
    await reading.until(() => reading.problems().some(problem => problem.includes('the answer is')))
    await reading.until(() => reading.problems().length === 0 && server.watchers.size === 3)
  }
  t.ok(
    [...server.watchers].every(watcher => watcher.encoding === 'json'),
    'after protobuf that is none JSON is asked for',
  )
  server.store.put(service('b'))
  await reading.until(() => reading.services.has('default/b'))
  t.equal(server.lists('Service').length, 1, 'it goes on from where it was')
  t.equal(reading.updates.length, 2)
})

inEachEncoding(t, 'nobody is there from the start', async t => {
  const server = await startServer(t, objects)
  const { port } = new URL(server.url)
  await server.stop()
  const reading = await read(t, server)
  await reading.until(() => reading.problems().length === 1)
  await settle()
  t.equal(reading.updates.length, 0, 'nothing is known, so nothing is told')
  await startServer(t, [], { port: Number(port), store: server.store })
  await reading.synced()
  t.same([...reading.services.keys()], ['default/web'])
})
