// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { node, service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, settle, startServer } from './source.ts'

const COUNT = 1_203
const many = Array.from({ length: COUNT }, (_, i) => [
  service(`s${i}`, { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] }),
  slice(`s${i}-1`, [`10.244.0.${i % 250}`]),
]).flat()

inEachEncoding(t, 'all pages of all kinds make the first update, and nothing is told before', async t => {
  const server = await startServer(t, [...many, node('node1'), node('node2')])
  let release = () => {}
  server.intercept = ({ kind, query }) => {
    if (kind !== 'EndpointSlice' || !query.has('continue') || server.lists(kind).length < 3) return undefined
    server.intercept = () => undefined
    return response => {
      release = () => response.destroy()
    }
  }
  const reading = await read(t, server)
  await reading.until(() => server.lists('EndpointSlice').length === 3)
  await settle()
  t.equal(reading.updates.length, 0, 'the last page of slices is not there yet')
  release()
  await reading.synced()
  t.equal(reading.updates[0]?.services.size, COUNT)
  t.same(addresses(reading.services.get('default/s1202')), ['10.244.0.202'])
  t.same(reading.node(), {
    ...{ name: 'node1', labels: { 'topology.kubernetes.io/zone': 'z1' }, zone: 'z1', addresses: ['172.31.0.1'] },
    ...{ podCIDRs: ['10.244.1.0/24'], taints: [], deleting: false },
  })
  t.same(new Set(server.lists('Service').map(({ query }) => query.get('limit'))), new Set(['500']))
  t.equal(server.lists('Service').length, 3)
  await settle()
  t.equal(reading.updates.length, 1)
})

inEachEncoding(t, 'when a page is no more the list begins again', async t => {
  const server = await startServer(t, many)
  server.intercept = ({ kind, query }) => {
    if (kind === 'Service' && query.has('continue')) server.store.compacted = server.store.version + 1
    return undefined
  }
  const reading = await read(t, server)
  await reading.until(() => server.lists('Service').length === 3)
  server.store.compacted = 0
  await reading.synced()
  t.equal(reading.services.size, COUNT)
  t.same(
    server.lists('Service').map(({ query }) => [query.get('limit'), query.has('continue')]),
    [
      ['500', false],
      ['500', true],
      [null, false],
    ],
  )
})

inEachEncoding(t, 'a node that is not there is told as none', async t => {
  const server = await startServer(t, [node('node2')])
  const reading = await read(t, server)
  await reading.synced()
  t.equal(reading.node(), null)
  t.equal(server.lists('Node')[0]?.query.get('fieldSelector'), 'metadata.name=node1')
  server.store.put(node('node1'))
  await reading.until(() => reading.node() !== null)
  server.store.delete('Node', 'node1')
  await reading.until(() => reading.node() === null)
})
