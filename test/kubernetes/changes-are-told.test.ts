// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { node, service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, settle, startServer } from './source.ts'

inEachEncoding(t, 'what comes, changes and goes is told', async t => {
  const server = await startServer(t, [service('web'), slice('web-1', ['10.1.0.1'])])
  const reading = await read(t, server)
  await reading.synced()

  server.store.put(slice('web-1', ['10.1.0.1', '10.1.0.2']))
  await reading.until(() => addresses(reading.services.get('default/web')).length === 2)
  server.store.put(slice('web-2', ['10.1.0.3']))
  await reading.until(() => addresses(reading.services.get('default/web')).length === 3)
  server.store.delete('EndpointSlice', 'web-1')
  await reading.until(() => addresses(reading.services.get('default/web')).length === 1)
  server.store.delete('Service', 'web')
  await reading.until(() => !reading.services.has('default/web'))
  server.store.put(service('web'))
  await reading.until(() => reading.services.has('default/web'))
  t.same(
    addresses(reading.services.get('default/web')),
    ['10.1.0.3'],
    'slices that outlived the Service are its own again',
  )
  server.store.put(node('node1', 'z2'))
  await reading.until(() => reading.node()?.zone === 'z2')
  t.same(reading.problems(), [])
})

inEachEncoding(t, 'a slice moves from one Service to another', async t => {
  const server = await startServer(t, [service('a'), service('b'), slice('a-1', ['10.1.0.1'])])
  const reading = await read(t, server)
  await reading.synced()
  const moved = slice('b-1', ['10.1.0.1'])
  server.store.put({ ...moved, metadata: { ...moved.metadata, name: 'a-1' } })
  await reading.until(() => addresses(reading.services.get('default/b')).length === 1)
  t.same(addresses(reading.services.get('default/a')), [])
})

inEachEncoding(t, 'slices whose Service is not there are not told', async t => {
  const server = await startServer(t, [slice('web-1', ['10.1.0.1'])])
  const reading = await read(t, server)
  await reading.synced()
  server.store.put(slice('web-1', ['10.1.0.2']))
  await settle()
  t.equal(reading.updates.length, 1)
  t.equal(reading.updates[0]?.services.size, 0)
})

inEachEncoding(t, 'a burst of changes is one update', async t => {
  const server = await startServer(t, [service('web')])
  const reading = await read(t, server, { times: { batch: 500 } })
  await reading.synced()
  for (let i = 0; i < 200; i++) {
    server.store.put(service(`s${i}`))
    server.store.put(slice(`s${i}-1`, [`10.1.0.${i}`]))
  }
  await reading.until(() => reading.services.size === 201)
  await settle()
  t.equal(reading.updates.length, 2)
  t.same(addresses(reading.services.get('default/s199')), ['10.1.0.199'])
})

inEachEncoding(t, 'a change of what is not used is not told', async t => {
  const server = await startServer(t, [service('web'), slice('web-1', ['10.1.0.1']), node('node1')])
  const reading = await read(t, server)
  await reading.synced()
  server.store.put(service('web', {}, { annotations: { by: 'somebody' }, labels: { app: 'web' } }))
  server.store.put({
    ...node('node1'),
    metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'z1', a: 'b' } },
  })
  await settle()
  t.equal(reading.updates.length, 1)
})
