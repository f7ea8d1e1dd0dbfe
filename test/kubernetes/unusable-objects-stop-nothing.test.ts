// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { service, slice } from './objects.ts'
import { addresses, read, startServer } from './source.ts'

/** A text where a number belongs can't be written in protobuf. */
const JSON_ALONE = { encodings: ['json'] } as const

t.test('they are named with the field, and the others are served', async t => {
  const server = await startServer(
    t,
    [
      service('good'),
      service('bad', { ports: [{ port: 80 }, { port: 'http' }] }),
      slice('good-1', ['10.1.0.1']),
      slice('good-2', ['10.1.0.2'], { addressType: 'IPX' }),
      slice('good-3', ['10.1.0.3'], { endpoints: [{ addresses: [7] }] }),
    ],
    JSON_ALONE,
  )
  const reading = await read(t, server)
  await reading.synced()
  t.same([...reading.services.keys()], ['default/good'])
  t.same(addresses(reading.services.get('default/good')), ['10.1.0.1'])
  t.ok(reading.updates[0]?.incomplete, 'what is live stays: it may be the bad one')
  t.match(reading.problems(), [
    /^error Service default\/bad: spec\.ports\[1\]\.port: "http" is not a whole number\. It counts/,
    /^error EndpointSlice default\/good-2: addressType: "IPX" is not one of IPv4, IPv6, FQDN/,
    /^error EndpointSlice default\/good-3: endpoints\[0\]\.addresses: 7 is not a text/,
  ])

  server.store.put(service('bad'))
  await reading.until(() => reading.services.has('default/bad'))
  server.store.put(slice('good-2', ['10.1.0.2']))
  server.store.delete('EndpointSlice', 'good-3')
  await reading.until(() => reading.updates.at(-1)?.incomplete === false)
  t.same(reading.problems(), [])
  t.same(addresses(reading.services.get('default/good')), ['10.1.0.1', '10.1.0.2'])
})

t.test('one that was good counts as it was', async t => {
  const server = await startServer(t, [service('web'), slice('web-1', ['10.1.0.1'])], JSON_ALONE)
  const reading = await read(t, server)
  await reading.synced()
  server.store.put(slice('web-1', ['10.1.0.2'], { ports: 'all' }))
  await reading.until(() => reading.problems().length === 1)
  t.match(reading.problems(), [/EndpointSlice default\/web-1: ports: "all" is not a list/])
  t.same(addresses(reading.services.get('default/web')), ['10.1.0.1'])
  t.equal(reading.updates.length, 1)
  server.store.put(slice('web-1', ['10.1.0.3']))
  await reading.until(() => addresses(reading.services.get('default/web'))[0] === '10.1.0.3')
  t.same(reading.problems(), [])
})

t.test('fields and values of a later Kubernetes are no fault', async t => {
  const server = await startServer(
    t,
    [
      service('web', { trafficDistribution: 'PreferSamePlanet', newField: { a: 1 } }),
      slice('web-1', ['10.1.0.1'], { endpoints: [{ addresses: ['10.1.0.1'], conditions: null, moon: true }] }),
    ],
    JSON_ALONE,
  )
  const reading = await read(t, server)
  await reading.synced()
  t.same(reading.problems(), [])
  t.equal(reading.services.get('default/web')?.service.trafficDistribution, 'PreferSamePlanet')
  t.same(reading.services.get('default/web')?.slices[0]?.endpoints, {
    addresses: '10.1.0.1',
    states: [{ ready: true, serving: true, terminating: false, nodeName: '', zone: '' }],
  })
})

t.test('in protobuf, too', async t => {
  const server = await startServer(t, [
    service('good', { trafficDistribution: 'PreferSamePlanet' }),
    service('bad', { internalTrafficPolicy: 'Everywhere' }),
    slice('good-1', ['10.1.0.1']),
    slice('good-2', ['10.1.0.2'], { addressType: 'IPX' }),
  ])
  const reading = await read(t, server)
  await reading.synced()
  t.same([...reading.services.keys()], ['default/good'])
  t.same(addresses(reading.services.get('default/good')), ['10.1.0.1'])
  t.ok(reading.updates[0]?.incomplete)
  t.match(reading.problems(), [
    /^error Service default\/bad: spec\.internalTrafficPolicy: "Everywhere" is not one of Cluster, Local/,
    /^error EndpointSlice default\/good-2: addressType: "IPX" is not one of IPv4, IPv6, FQDN/,
  ])
})
