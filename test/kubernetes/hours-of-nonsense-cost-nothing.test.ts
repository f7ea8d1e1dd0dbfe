// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Answer } from './api-server.ts'
import { service } from './objects.ts'
import { read, settle, startServer } from './source.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** Of three kinds, with pauses of up to 30 s: an hour and more. */
const TRIES = 500
/** Bytes. */
const MOST = 1_500_000

t.setTimeout(120_000)

const ANSWERS: readonly Answer[] = [
  response => response.end('<html>log in</html>'),
  response =>
    response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' }).end('k8s\0\x12\xff\xff'),
  response => response.destroy(),
  { code: 500, reason: 'InternalError', message: 'etcd' },
  { code: 410, reason: 'Expired' },
  { code: 429, reason: 'TooManyRequests' },
]

t.test('what is known stays, nothing piles up, and it ends by itself', async t => {
  const server = await startServer(t, [service('web')])
  const times = { firstRetry: 1, maxRetry: 4, outage: 20, shortWatch: 20 }
  const reading = await read(t, server, { times })
  await reading.until(() => server.watchers.size === 3 && reading.updates.length === 1)

  let tries = 0
  server.intercept = () => ANSWERS[tries++ % ANSWERS.length]
  for (const watcher of server.watchers) watcher.break()
  const ask = async (count: number) => {
    for (const until = tries + count; tries < until; ) await settle()
    server.asked.length = 0
    reading.complaints.clear()
  }
  await ask(TRIES)
  const before = heap()
  await ask(3 * TRIES)
  const grown = heap() - before
  t.comment(`${(grown / 1e3).toFixed()} kB after ${3 * TRIES} more tries`)
  t.ok(grown < MOST)
  t.equal(reading.updates.length, 1)
  t.ok(reading.problems().length > 0)

  server.intercept = () => undefined
  server.store.put(service('b'))
  await reading.until(() => reading.services.has('default/b') && reading.problems().length === 0)
  t.ok(reading.services.has('default/web'))
})
