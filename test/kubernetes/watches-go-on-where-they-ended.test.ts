// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { FakeServer } from './api-server.ts'
import { service } from './objects.ts'
import { inEachEncoding, read, startServer } from './source.ts'

/** Ends the watch of Services in one of the ways, and answers from where the next one begins. */
async function resumed(server: FakeServer, how: 'end' | 'break'): Promise<string | null | undefined> {
  const before = server.watches('Service').length
  for (const watcher of server.watchers) if (watcher.kind === 'Service') watcher[how]()
  for (let i = 0; i < 500 && server.watches('Service').length === before; i++) await sleep(5)
  return server.watches('Service').at(-1)?.query.get('resourceVersion')
}

for (const how of ['end', 'break'] as const)
  inEachEncoding(
    t,
    `when the ${how === 'end' ? 'server ends it' : 'connection breaks'}, from the last version seen`,
    async t => {
      const server = await startServer(t, [service('web')])
      const listed = String(server.store.version)
      const reading = await read(t, server)
      await reading.until(() => server.watchers.size === 3)
      t.equal(server.watches('Service')[0]?.query.get('resourceVersion'), listed)
      await sleep(120)
      t.equal(await resumed(server, how), listed, 'nothing has happened')

      server.store.put(service('b'))
      await reading.until(() => reading.services.has('default/b'))
      await sleep(120)
      t.equal(await resumed(server, how), String(server.store.version), 'an event')

      server.store.version += 50
      for (const watcher of server.watchers) watcher.bookmark()
      await sleep(120)
      t.equal(await resumed(server, how), String(server.store.version), 'a bookmark')

      for (const watcher of server.watchers) watcher[how]()
      server.store.put(service('c'))
      await reading.until(() => reading.services.has('default/c'))
      t.equal(server.lists('Service').length, 1, 'nothing is listed again')
      t.same([...reading.complaints], [])
    },
  )

inEachEncoding(t, 'the server is asked to end watches, at times that differ, and to send bookmarks', async t => {
  const server = await startServer(t)
  const reading = await read(t, server)
  await reading.until(() => server.watchers.size === 3)
  const queries = server.asked.filter(({ isWatch }) => isWatch).map(({ query }) => query)
  const seconds = queries.map(query => Number(query.get('timeoutSeconds')))
  t.ok(
    seconds.every(value => value >= 300 && value <= 600),
    String(seconds),
  )
  t.ok(new Set(seconds).size > 1, 'three in three hundred are seldom the same')
  t.ok(queries.every(query => query.get('allowWatchBookmarks') === 'true'))
})
