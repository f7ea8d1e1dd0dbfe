// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { encodingOf } from '../../agent/source/kubernetes/encoding.ts'
import { contentType, type EncodingName, encode } from './encode.ts'
import { service, slice } from './objects.ts'

const ITEMS = [
  service('web', { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], selector: { app: '"items":[{' } }),
  service('ümläut', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'], selector: { app: '\\"]}\\\\' } }),
  service('none', { clusterIP: 'None', clusterIPs: [] }),
]

function readerFor(encoding: EncodingName) {
  return encodingOf({ headers: { 'content-type': contentType(encoding, false) } } as never).createListReader()
}

function readIn(size: number, bytes: Buffer, encoding: EncodingName) {
  const reader = readerFor(encoding)
  const items: unknown[] = []
  for (let at = 0; at < bytes.length; at += size) items.push(...reader.take(bytes.subarray(at, at + size)))
  const end = reader.end()
  return { items: [...items, ...end.items], body: end.body as Record<string, unknown> }
}

const metadata = { resourceVersion: '7', continue: 'ü[{"items":[' }
const list = { kind: 'ServiceList', apiVersion: 'v1', metadata, items: ITEMS }
/** As custom resources come: fields in the order of their names. */
const sorted = { apiVersion: 'v1', items: ITEMS, kind: 'ServiceList', metadata }

t.test('JSON', async t => {
  for (const [what, text] of Object.entries({
    'as it comes': JSON.stringify(list),
    'items first': JSON.stringify(sorted),
    'with spaces': JSON.stringify(sorted, null, 2),
  })) {
    const bytes = Buffer.from(text)
    for (const size of [1, 2, 3, 5, 7, 64, 1_000, bytes.length]) {
      const { items, body } = readIn(size, bytes, 'json')
      t.same(items, ITEMS, `${what}, in chunks of ${size}`)
      t.same(body, { ...list, items: [{}, {}, {}] })
    }
  }
})

t.test('protobuf', async t => {
  const bytes = encode('protobuf', list)
  for (const size of [1, 7, bytes.length]) {
    const { items, body } = readIn(size, bytes, 'protobuf')
    t.same(
      items.map(item => (item as (typeof ITEMS)[number]).metadata.name),
      ['web', 'ümläut', 'none'],
    )
    t.match(body, { kind: 'ServiceList', metadata })
  }
})

t.test('half a list is none, and what is no item is not passed over', async t => {
  const bytes = Buffer.from(JSON.stringify(list))
  for (let size = 0; size < bytes.length; size++)
    t.throws(() => readIn(10, bytes.subarray(0, size), 'json'), { name: 'Nonsense' }, `${size} bytes`)
  t.same(readIn(10, Buffer.from('{"items":[null,{"a":[{}]},"{",3]}'), 'json'), {
    items: [{ a: [{}] }],
    body: { items: [null, {}, '{', 3] },
  })
  t.same(readIn(10, Buffer.from('{"metadata":{"items":[{}]},"items":[]}'), 'json').items, [])
  const large = slice(
    'large',
    Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
  )
  t.same(readIn(16, Buffer.from(JSON.stringify({ items: [large] })), 'json').items, [large])
})
