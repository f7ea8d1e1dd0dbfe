// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { service, slice } from './objects.ts'
import { inEachEncoding, read, settle, startServer } from './source.ts'

const COUNT = 1_100
const many = Array.from({ length: COUNT }, (_, i) => [
  service(`s${i}`, { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] }),
  slice(`s${i}-1`, [`10.244.0.${i % 250}`]),
]).flat()

inEachEncoding(t, 'only the first: a later one must not be behind what was seen', async t => {
  const server = await startServer(t, many)
  const reading = await read(t, server)
  await reading.synced()
  t.equal(reading.services.size, COUNT)
  const versions = () =>
    server
      .lists('EndpointSlice')
      .filter(({ query }) => !query.has('continue'))
      .map(({ query }) => query.get('resourceVersion'))
  t.same(versions(), ['0'])
  t.ok(
    server
      .lists('EndpointSlice')
      .slice(1)
      .every(({ query }) => !query.has('resourceVersion')),
    'nor has a next page',
  )

  server.store.put(service('late', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }))
  await reading.until(() => reading.services.has('default/late'))
  server.store.compacted = server.store.version + 1
  for (const watcher of server.watchers) watcher.end()
  await reading.until(() => versions().length === 2)
  server.store.compacted = 0
  await settle()
  t.same(versions(), ['0', null])
  t.equal(reading.services.size, COUNT + 1)
})
