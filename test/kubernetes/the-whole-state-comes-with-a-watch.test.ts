// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap'
import { EXPIRED, type FakeServer, statusBody } from './api-server.ts'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, settle, startServer } from './source.ts'

const OBJECTS = [service('web'), service('goes'), slice('web-1', ['10.1.0.1'])]

async function start(t: Test, initialEvents: FakeServer['initialEvents'] = 'sent'): Promise<FakeServer> {
  const server = await startServer(t, OBJECTS)
  server.initialEvents = initialEvents
  return server
}

/** Requests for the whole state in a watch. */
function wholes(server: FakeServer, kind = 'Service') {
  return server.watches(kind).filter(({ query }) => query.has('sendInitialEvents'))
}

inEachEncoding(t, 'no list is needed, and the same watch goes on', async t => {
  const server = await start(t)
  const reading = await read(t, server)
  await reading.synced()
  t.same([...reading.services.keys()].sort(), ['default/goes', 'default/web'])
  server.store.put(slice('web-1', ['10.1.0.2']))
  await reading.until(() => addresses(reading.services.get('default/web'))[0] === '10.1.0.2')
  t.equal(server.asked.length, 3, 'one request a kind')
  const [query] = wholes(server).map(({ query }) => Object.fromEntries(query))
  t.match(query, {
    ...{ watch: 'true', sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' },
    labelSelector: '!service.kubernetes.io/service-proxy-name',
  })
  t.notOk(query?.resourceVersion)
  t.same([...reading.complaints], [])
})

inEachEncoding(
  t,
  'nothing is told before its end; what changes meanwhile is in it, and other bookmarks do not end it',
  async t => {
    const server = await start(t, 'ignored')
    const reading = await read(t, server)
    await reading.until(() => server.watchers.size === 3)
    for (const watcher of server.watchers) watcher.bookmark()
    server.store.put(slice('web-1', ['10.1.0.3']))
    server.store.delete('Service', 'goes')
    await settle()
    t.equal(reading.updates.length, 0)
    for (const watcher of server.watchers) watcher.bookmark(true)
    await reading.synced()
    t.same([...reading.services.keys()], ['default/web'])
    t.same(addresses(reading.services.get('default/web')), ['10.1.0.3'])
  },
)

inEachEncoding(t, 'from its bookmark on the next watch goes on', async t => {
  const server = await start(t)
  const reading = await read(t, server)
  await reading.synced()
  await new Promise(resolve => setTimeout(resolve, 120))
  for (const watcher of server.watchers) watcher.end()
  server.store.put(service('b'))
  await reading.until(() => reading.services.has('default/b'))
  const [, second] = server.watches('Service')
  t.equal(second?.query.get('resourceVersion'), String(1000 + OBJECTS.length))
  t.equal(wholes(server).length, 1)
})

inEachEncoding(t, 'after 410 it comes anew, and only what differs is told', async t => {
  const server = await start(t)
  const reading = await read(t, server)
  await reading.until(() => server.watchers.size === 3)
  await reading.synced()
  for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await reading.until(() => wholes(server).length === 2 && server.watchers.size === 3)
  await settle()
  t.equal(reading.updates.length, 1, 'nothing differed')

  for (const watcher of server.watchers) watcher.stalled = true
  server.store.delete('Service', 'goes')
  server.store.put(service('comes'))
  for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await reading.until(() => reading.services.has('default/comes') && !reading.services.has('default/goes'))
  await settle()
  const told = reading.updates.slice(1).flatMap(({ services }) => [...services.keys()])
  t.same(told.sort(), ['default/comes', 'default/goes'])
  t.equal(server.lists('Service').length, 0)
})

for (const [code, reason] of [
  [400, 'BadRequest'],
  [422, 'Invalid'],
] as const)
  inEachEncoding(t, `${code}: a list at once, and no second such request`, async t => {
    const server = await start(t)
    server.intercept = ({ query }) => (query.has('sendInitialEvents') ? { code, reason } : undefined)
    const reading = await read(t, server, { times: { firstRetry: 5_000 } })
    await reading.until(() => server.watchers.size === 3)
    await reading.synced()
    const [asked, listed] = [wholes(server)[0]!, server.lists('Service')[0]!]
    t.ok(listed.at - asked.at < 2_500, 'sooner than any retry')
    for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
    await reading.until(() => server.lists('Service').length === 2)
    t.equal(wholes(server).length, 1)
    t.same([...reading.complaints], [])
  })

inEachEncoding(t, 'a server that sends no end of it is asked for a list', async t => {
  const server = await start(t, 'ignored')
  const reading = await read(t, server, { times: { initialEvents: 300 } })
  const busy = setInterval(() => server.store.put(slice('web-1', [`10.1.0.${server.store.version % 250}`])), 20)
  t.teardown(() => clearInterval(busy))
  await reading.synced()
  clearInterval(busy)
  t.equal(server.lists('EndpointSlice').length, 1)
  t.same([...reading.complaints], [], 'that is nothing to complain about')
  await reading.until(() => server.watchers.size === 3)
  for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await reading.until(() => server.lists('EndpointSlice').length === 2)
  t.equal(wholes(server, 'EndpointSlice').length, 1)
})

inEachEncoding(t, 'one that breaks off is followed by a list, and tried again the next time', async t => {
  const server = await start(t, 'ignored')
  const reading = await read(t, server)
  await reading.until(() => server.watchers.size === 3)
  for (const watcher of server.watchers) watcher.break()
  await reading.synced()
  t.same([...reading.services.keys()].sort(), ['default/goes', 'default/web'], 'nothing of it was taken')
  t.match([...reading.complaints], [/the watch ended before all had come that there is/])
  server.initialEvents = 'sent'
  await reading.until(() => server.watchers.size === 3 && reading.problems().length === 0)
  for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await reading.until(() => wholes(server).length === 2)
  t.equal(server.lists('Service').length, 1)
})
