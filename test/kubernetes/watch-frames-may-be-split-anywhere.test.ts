// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { createSplitter } from '../../agent/source/kubernetes/frames.ts'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, startServer } from './source.ts'

const frames = [{ type: 'ADDED', name: 'zürich€😀' }, { type: 'DELETED', text: 'a\nb' }, {}]
const bytes = Buffer.from(`${frames.map(frame => JSON.stringify(frame)).join('\n')}\n`)

t.test('at every byte', async t => {
  for (let at = 0; at <= bytes.length; at++) {
    const split = createSplitter()
    const found = [...split(bytes.subarray(0, at)), ...split(bytes.subarray(at))]
    if (JSON.stringify(found) !== JSON.stringify(frames)) t.same(found, frames, `split at ${at}`)
  }
  const split = createSplitter()
  t.same(
    [...bytes].flatMap(byte => split(Buffer.from([byte]))),
    frames,
    'byte by byte',
  )
  t.same(createSplitter()(Buffer.concat([bytes, bytes])), [...frames, ...frames], 'all in one')
})

t.test('an event without end is refused before it fills the memory', async t => {
  const split = createSplitter()
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  t.throws(
    () => {
      for (let i = 0; i < 20; i++) split(chunk)
    },
    { name: 'Nonsense', message: /an event of more than/ },
  )
})

for (const size of [1, 7, 64])
  inEachEncoding(t, `from a server that writes ${size} bytes at once`, async t => {
    const server = await startServer(t, [service('web')])
    server.split = size
    server.bookmarksFirst = true
    const reading = await read(t, server)
    await reading.synced()
    await reading.until(() => server.watchers.size === 3)
    for (let i = 1; i <= 9; i++) server.store.put(slice(`web-${i}`, [`10.1.0.${i}`]))
    await reading.until(() => addresses(reading.services.get('default/web')).length === 9)
    server.store.delete('EndpointSlice', 'web-9')
    await reading.until(() => addresses(reading.services.get('default/web')).length === 8)
    t.equal(server.lists('EndpointSlice').length, 1)
    t.same([...reading.complaints], [])
  })
