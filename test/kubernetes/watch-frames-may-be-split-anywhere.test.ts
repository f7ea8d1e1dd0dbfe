// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { createSplitter } from '../../agent/source/kubernetes/frames.ts'
import { createProtobufSplitter } from '../../agent/source/kubernetes/protobuf.ts'
import { encodeEvent } from './encode.ts'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, read, startServer } from './source.ts'

const named = ['zürich€😀', 'a\nb', ''].map(name => ({ kind: 'Service', metadata: { name } }))

for (const [encoding, create] of [
  ['json', createSplitter],
  ['protobuf', createProtobufSplitter],
] as const)
  t.test(`at every byte (${encoding})`, async t => {
    const bytes = Buffer.concat(named.map(object => encodeEvent(encoding, 'ADDED', object)))
    const namesOf = (found: readonly unknown[]) =>
      found.map(frame => (frame as { object: (typeof named)[number] }).object.metadata.name)
    const names = named.map(({ metadata }) => metadata.name)
    for (let at = 0; at <= bytes.length; at++) {
      const split = create()
      const found = namesOf([...split(bytes.subarray(0, at)), ...split(bytes.subarray(at))])
      if (String(found) !== String(names)) t.same(found, names, `split at ${at}`)
    }
    const split = create()
    t.same(namesOf([...bytes].flatMap(byte => [...split(Buffer.from([byte]))])), names, 'byte by byte')
    t.same(namesOf([...create()(Buffer.concat([bytes, bytes]))]), [...names, ...names], 'all in one')
  })

t.test('an event without end is refused before it fills the memory', async t => {
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  for (const create of [createSplitter, createProtobufSplitter]) {
    const split = create()
    t.throws(
      () => {
        for (let i = 0; i < 20; i++) for (const frame of split(chunk)) t.fail(String(frame))
      },
      { name: 'Nonsense', message: /an event of more than/ },
    )
  }
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
