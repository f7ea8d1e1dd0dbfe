// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { parseProtobuf } from '../../agent/source/kubernetes/protobuf.ts'
import { nodesOf, type Resource, readItem, SLICES, servicesOf } from '../../agent/source/kubernetes/resource.ts'
import { encode, negotiate, toProtobuf } from './encode.ts'
import { type ApiObject, node, service, slice } from './objects.ts'
import { createRandom, randomNode, randomService, randomSlice } from './random-objects.ts'
import { read, startServer } from './source.ts'

const COUNT = 1_000

const KINDS: readonly (readonly [Resource<unknown>, (random: ReturnType<typeof createRandom>) => ApiObject])[] = [
  [servicesOf(''), randomService],
  [SLICES, randomSlice],
  [nodesOf(), randomNode],
]

for (const [resource, make] of KINDS)
  t.test(`${COUNT} random objects of the kind ${resource.kind}`, async t => {
    const seed = process.env.SEED ? Number(process.env.SEED) : Date.now() % 1e9
    const random = createRandom(seed)
    t.comment(`SEED=${seed}`)
    for (let i = 0; i < COUNT; i++) {
      const object = make(random)
      const fromJson = readItem(resource, JSON.parse(String(encode('json', object))))
      const fromProtobuf = readItem(resource, parseProtobuf(toProtobuf(object)))
      if (fromJson.fault === undefined && isDeepStrictEqual(fromProtobuf, fromJson)) continue
      t.comment(JSON.stringify(object))
      return t.same(fromProtobuf, fromJson, fromJson.fault ?? 'differs')
    }
    return t.pass()
  })

const METADATA = {
  labels: { 'service.kubernetes.io/x': 'y', app: 'web' },
  annotations: { a: 'b'.repeat(2_000), 'evenkeel.io/forwarding': 'dsr' },
}

/** What an agent knows after all that can happen to objects has happened. */
const SCENARIO: readonly ((server: Awaited<ReturnType<typeof startServer>>) => unknown)[] = [
  ({ store }) => store.put(service('b', { ports: [{ name: 'x', port: 1, targetPort: 'web' }] }, METADATA)),
  ({ store }) => store.put(slice('b-1', ['10.1.0.1', '10.1.0.2'])),
  ({ store }) => store.put(slice('b-2', ['fd00::1'], { addressType: 'IPv6' })),
  ({ store }) => store.delete('Service', 'gone'),
  ({ store }) => store.delete('EndpointSlice', 'web-1'),
  ({ store }) => store.put(node('node1', 'z9')),
]

t.test('the same scenario, listed or watched, in both encodings', async t => {
  const ends = []
  for (const encodings of [['json'], ['json', 'protobuf']] as const)
    for (const initialEvents of ['refused', 'sent'] as const) {
      const objects = [service('web'), slice('web-1', ['10.1.0.9']), service('gone'), node('node1')]
      const server = await startServer(t, objects, { encodings })
      server.initialEvents = initialEvents
      const reading = await read(t, server)
      await reading.synced()
      await reading.until(() => server.watchers.size === 3)
      for (const change of SCENARIO) change(server)
      await reading.until(() => reading.node()?.zone === 'z9' && !reading.services.has('default/gone'))
      await reading.until(() => reading.services.get('default/b')?.slices.length === 2)
      await reading.until(() => reading.services.get('default/web')?.slices.length === 0)
      t.same(new Set(server.asked.map(({ encoding }) => encoding)), new Set([encodings.at(-1)]))
      t.same([...reading.complaints], [])
      t.same(reading.services.get('default/b')?.service.annotations, { 'evenkeel.io/forwarding': 'dsr' })
      ends.push({ services: Object.fromEntries(reading.services), node: reading.node() })
    }
  for (const end of ends.slice(1)) t.same(end, ends[0])
})

t.test('protobuf is asked for first, JSON else', async t => {
  const server = await startServer(t, [service('web')])
  await (await read(t, server)).until(() => server.watchers.size === 3)
  for (const { headers } of server.asked)
    t.equal(headers.accept, 'application/vnd.kubernetes.protobuf, application/json')
  t.equal(negotiate('application/vnd.kubernetes.protobuf', ['json']), undefined)
})

for (const code of [406, 415])
  t.test(`a server that answers ${code} to that is asked for JSON alone, of that kind`, async t => {
    const server = await startServer(t, [service('web'), slice('web-1', ['10.1.0.1'])])
    server.intercept = ({ kind, headers }) =>
      kind === 'EndpointSlice' && headers.accept?.includes('protobuf') ? { code, reason: 'NotAcceptable' } : undefined
    const reading = await read(t, server)
    await reading.synced()
    await reading.until(() => server.watchers.size === 3)
    t.equal(reading.services.get('default/web')?.slices.length, 1)
    const asked = server.asked.filter(({ kind }) => kind === 'EndpointSlice').map(({ encoding }) => encoding)
    t.same(asked, ['protobuf', 'json', 'json'], 'once')
    t.ok(server.watches('Service').every(({ encoding }) => encoding === 'protobuf'))
    t.same([...reading.complaints], [])
  })
