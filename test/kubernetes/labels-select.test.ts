// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, startServer } from './source.ts'

const PROXY = 'service.kubernetes.io/service-proxy-name'
const HEADLESS = 'service.kubernetes.io/headless'

inEachEncoding(t, 'Services of other proxies are not sent, and the label is followed live', async t => {
  const server = await startServer(t, [service('web'), service('other', {}, { labels: { [PROXY]: 'other' } })])
  const reading = await read(t, server)
  await reading.synced()
  t.same([...reading.services.keys()], ['default/web'])
  t.equal(server.lists('Service')[0]?.query.get('labelSelector'), `!${PROXY}`)
  server.store.put(service('web', {}, { labels: { [PROXY]: 'other' } }))
  await reading.until(() => !reading.services.has('default/web'))
  server.store.put(service('web'))
  await reading.until(() => reading.services.has('default/web'))
})

inEachEncoding(t, 'with a name of our own all are read, with the label', async t => {
  const labelled = (value: string) => service(value, {}, { labels: { [PROXY]: value, app: 'x' } })
  const server = await startServer(t, [service('web'), labelled('ours'), labelled('theirs')])
  const reading = await read(t, server, { serviceProxyName: 'ours' })
  await reading.synced()
  t.equal(reading.services.size, 3)
  t.same(reading.services.get('default/theirs')?.service.labels, { [PROXY]: 'theirs' }, 'compile/ tells them apart')
})

inEachEncoding(t, 'slices with the headless label, and those of no Service, are not sent', async t => {
  const labelled = (name: string, labels: object) => {
    const made = slice(name, ['10.1.0.9'])
    return { ...made, metadata: { ...made.metadata, labels: { ...made.metadata.labels, ...labels } } }
  }
  const orphan = slice('orphan-1', ['10.1.0.8'])
  const server = await startServer(t, [
    service('web'),
    slice('web-1', ['10.1.0.1']),
    labelled('web-2', { [HEADLESS]: '' }),
    { ...orphan, metadata: { ...orphan.metadata, labels: {} } },
  ])
  const reading = await read(t, server)
  await reading.synced()
  t.same(addresses(reading.services.get('default/web')), ['10.1.0.1'])
  server.store.put(labelled('web-2', {}))
  await reading.until(() => addresses(reading.services.get('default/web')).length === 2)
  server.store.put(labelled('web-2', { [HEADLESS]: '' }))
  await reading.until(() => addresses(reading.services.get('default/web')).length === 1)
  t.same(reading.problems(), [])
})
