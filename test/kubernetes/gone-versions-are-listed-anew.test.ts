// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap'
import { EXPIRED, type FakeServer, statusBody } from './api-server.ts'
import { service, slice } from './objects.ts'
import { addresses, inEachEncoding, type Reading, read, settle, startServer } from './source.ts'

interface Scene {
  readonly server: FakeServer
  readonly reading: Reading
}

async function begin(t: Test): Promise<Scene> {
  const objects = ['goes', 'changes', 'stays'].flatMap(name => [service(name), slice(`${name}-1`, ['10.1.0.1'])])
  const server = await startServer(t, objects)
  const reading = await read(t, server)
  await reading.synced()
  await reading.until(() => server.watchers.size === 3)
  return { server, reading }
}

/** One of each, seen by no watch. */
function changeUnseen({ store, watchers }: FakeServer): void {
  for (const watcher of watchers) watcher.stalled = true
  store.delete('Service', 'goes')
  store.put(service('comes'))
  store.put(slice('changes-1', ['10.1.0.9']))
  store.compacted = store.version
}

/** What is told after is what differs. */
async function expectDeltas(t: Test, { server, reading }: Scene): Promise<void> {
  await reading.until(() => reading.services.has('default/comes') && !reading.services.has('default/goes'))
  await reading.until(() => addresses(reading.services.get('default/changes'))[0] === '10.1.0.9')
  await settle()
  const told = reading.updates.slice(1).flatMap(({ services }) => [...services.keys()])
  t.same(told.sort(), ['default/changes', 'default/comes', 'default/goes'])
  t.equal(server.lists('Service').length, 2)
  t.same([...reading.complaints], [], 'it belongs to life')
}

inEachEncoding(t, '410 as the answer to a watch', async t => {
  const scene = await begin(t)
  changeUnseen(scene.server)
  for (const watcher of scene.server.watchers) watcher.break()
  await expectDeltas(t, scene)
})

inEachEncoding(t, '410 as an event of a watch', async t => {
  const scene = await begin(t)
  changeUnseen(scene.server)
  for (const watcher of scene.server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await expectDeltas(t, scene)
})

inEachEncoding(t, 'a server whose cache is behind says so in its own way', async t => {
  const scene = await begin(t)
  changeUnseen(scene.server)
  const details = { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] }
  const status = statusBody({
    code: 504,
    reason: 'Timeout',
    message: 'Too large resource version: 9, current: 5',
    details,
  })
  for (const watcher of scene.server.watchers) watcher.frame('ERROR', status)
  await expectDeltas(t, scene)
})

inEachEncoding(t, 'when nothing has changed, nothing is told', async t => {
  const { server, reading } = await begin(t)
  for (const watcher of server.watchers) watcher.frame('ERROR', statusBody(EXPIRED))
  await reading.until(() => server.lists('Service').length === 2)
  await settle()
  t.equal(reading.updates.length, 1)
})

inEachEncoding(
  t,
  'a server that answers 410 for ever is not asked in a busy loop, and is followed all the same',
  async t => {
    const { server, reading } = await begin(t)
    server.intercept = ({ isWatch }) => (isWatch ? EXPIRED : undefined)
    for (const watcher of server.watchers) watcher.break()
    const from = performance.now()
    await reading.until(() => server.lists('Service').length === 6)
    t.ok(performance.now() - from > 20 * 0.5 * (1 + 2 + 4 + 8), 'each wait is longer')
    server.store.put(service('comes'))
    await reading.until(() => reading.services.has('default/comes'))
    t.match(reading.problems(), [/nodes, services can't be read since .*: 410 Expired: too old resource version/])
  },
)
