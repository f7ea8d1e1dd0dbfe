// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { createStore } from './api-store.ts'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, settle, startServer } from './source.ts'

inEachEncoding(t, 'a watch without a byte is given up, and goes on over another connection', async t => {
  const server = await startServer(t, [service('web')])
  const reading = await read(t, server, { times: { idle: 400 } })
  await reading.synced()
  await reading.until(() => server.watchers.size === 3)
  for (const watcher of server.watchers) watcher.bookmark()
  for (const watcher of server.watchers) watcher.stalled = true
  server.store.put(slice('web-1', ['10.1.0.1']))
  const from = performance.now()
  await reading.until(() => addresses(reading.services.get('default/web')).length === 1)
  const took = performance.now() - from
  t.ok(took < 5_000, `${took.toFixed()} ms`)
  t.equal(server.lists('EndpointSlice').length, 1, 'from where it was')
  t.same([...reading.complaints], [])
})

inEachEncoding(t, 'a watch that never brought a byte: the server may be back with an older state', async t => {
  const server = await startServer(t, [service('web'), service('gone')])
  const reading = await read(t, server, { times: { idle: 400, outage: 60_000 } })
  await reading.until(() => server.watchers.size === 3)
  server.store.version += 1_000
  for (const watcher of server.watchers) watcher.bookmark()
  await settle()
  const { port } = new URL(server.url)
  await server.stop()
  const again = await startServer(t, [service('web'), service('new')], { port: Number(port), store: createStore(50) })
  await reading.until(() => reading.services.has('default/new') && !reading.services.has('default/gone'))
  t.ok(again.lists('Service').length > 0)
})

inEachEncoding(t, 'bookmarks keep a quiet watch', async t => {
  const server = await startServer(t, [service('web')])
  const reading = await read(t, server, { times: { idle: 400 } })
  await reading.until(() => server.watchers.size === 3)
  const timer = setInterval(() => {
    for (const watcher of server.watchers) watcher.bookmark()
  }, 100)
  t.teardown(() => clearInterval(timer))
  await settle()
  await settle()
  await settle()
  t.equal(server.asked.filter(({ isWatch }) => isWatch).length, 3)
})

inEachEncoding(t, 'a server that takes requests and never answers', async t => {
  const server = await startServer(t, [service('web')])
  server.intercept = () => (server.lists('Service').length < 3 ? 'silence' : undefined)
  const reading = await read(t, server, { times: { answer: 200 } })
  await reading.until(() =>
    /endpointslices, nodes, services can't be read since .*: no answer within 0\.2 s\./.test(
      String(reading.problems()),
    ),
  )
  await reading.synced()
  await reading.until(() => reading.problems().length === 0)
})

inEachEncoding(t, 'a list that stops in the middle', async t => {
  const server = await startServer(t, [service('web')])
  server.intercept = ({ kind }) => {
    if (kind !== 'Service' || server.lists(kind).length > 1) return undefined
    return response => void response.writeHead(200).write('{"kind":"ServiceList","items":[')
  }
  const reading = await read(t, server, { times: { answer: 200 } })
  await reading.synced()
  t.match([...reading.complaints], [/services can't be read since .*: the list broke off: nothing came for 0\.2 s/])
})
