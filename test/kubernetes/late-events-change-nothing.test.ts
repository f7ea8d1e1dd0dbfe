// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap'
import { isNewer } from '../../agent/source/kubernetes/collection.ts'
import type { FakeServer } from './api-server.ts'
import { type ApiObject, service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, settle, startServer } from './source.ts'

async function begin(t: Test) {
  const server = await startServer(t, [service('web')])
  const first = server.store.put(slice('web-1', ['10.1.0.1']))
  const reading = await read(t, server)
  await reading.synced()
  await reading.until(() => server.watchers.size === 3)
  return { server, reading, first, known: () => addresses(reading.services.get('default/web')) }
}

function send(server: FakeServer, type: string, object: ApiObject): void {
  for (const watcher of server.watchers) if (watcher.kind === object.kind) watcher.frame(type, object)
}

inEachEncoding(t, 'events that come twice', async t => {
  const { server, reading, known } = await begin(t)
  const second = server.store.put(slice('web-1', ['10.1.0.2']))
  await reading.until(() => known()[0] === '10.1.0.2')
  for (let i = 0; i < 5; i++) send(server, 'MODIFIED', second)
  await settle()
  t.equal(reading.updates.length, 2)
})

inEachEncoding(t, 'an older version of an object', async t => {
  const { server, reading, first, known } = await begin(t)
  server.store.put(slice('web-1', ['10.1.0.2']))
  await reading.until(() => known()[0] === '10.1.0.2')
  send(server, 'MODIFIED', first)
  send(server, 'DELETED', first)
  await settle()
  t.same(known(), ['10.1.0.2'])
  t.equal(reading.updates.length, 2)
  for (const watcher of server.watchers) watcher.end()
  await reading.until(() => server.watches('EndpointSlice').length === 2)
  t.equal(server.watches('EndpointSlice')[1]?.query.get('resourceVersion'), String(server.store.version))
})

inEachEncoding(t, 'an event of an object that is gone', async t => {
  const { server, reading, first, known } = await begin(t)
  server.store.delete('EndpointSlice', 'web-1')
  await reading.until(() => known().length === 0)
  send(server, 'ADDED', first)
  await settle()
  t.same(known(), [])
  server.store.put(slice('web-1', ['10.1.0.3']))
  await reading.until(() => known()[0] === '10.1.0.3')
})

inEachEncoding(t, 'an object that is gone twice', async t => {
  const { server, reading, first, known } = await begin(t)
  server.store.delete('EndpointSlice', 'web-1')
  await reading.until(() => known().length === 0)
  const version = String(server.store.version)
  send(server, 'DELETED', { ...first, metadata: { ...first.metadata, resourceVersion: version } })
  await settle()
  t.equal(reading.updates.length, 2)
  t.same(reading.problems(), [])
})

t.test('versions are numbers of any length; others have no order', async t => {
  t.ok(isNewer('10', '9'))
  t.ok(isNewer('100000000000000000001', '100000000000000000000'))
  t.notOk(isNewer('9', '10'))
  t.notOk(isNewer('9', '9'))
  t.ok(isNewer('a', 'b'))
  t.notOk(isNewer('a', 'a'))
})
