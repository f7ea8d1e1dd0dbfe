// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { createBackoff } from '../../agent/source/kubernetes/backoff.ts'
import { retryAfter } from '../../agent/source/kubernetes/failure.ts'
import type { Asked, Status } from './api-server.ts'
import { service } from './objects.ts'
import { inEachEncoding, read, startServer } from './source.ts'

const TOO_MANY: Status = {
  code: 429,
  reason: 'TooManyRequests',
  message: 'the server has received too many requests',
  headers: { 'retry-after': '1' },
}

for (const isWatch of [false, true])
  inEachEncoding(t, `429 to a ${isWatch ? 'watch' : 'list'}: it comes back when it was told to`, async t => {
    const server = await startServer(t, [service('web')])
    server.intercept = asked => (isServices(asked, isWatch) && nth(asked) === 1 ? TOO_MANY : undefined)
    const asked = () => (isWatch ? server.watches('Service') : server.lists('Service'))
    const nth = (one: Asked) => asked().indexOf(one) + 1
    const reading = await read(t, server)
    await reading.synced()
    await reading.until(() => asked().length === 2)
    const [first, second] = asked()
    const waited = second!.at - first!.at
    t.ok(waited >= 990, `${waited} ms`)
    t.match([...reading.complaints], [/services can't be read since .*: 429 TooManyRequests/])
    await reading.until(() => reading.problems().length === 0)
    t.equal(server.lists('Service').length, isWatch ? 1 : 2)
  })

function isServices({ kind, isWatch }: Asked, watches: boolean): boolean {
  return kind === 'Service' && isWatch === watches
}

inEachEncoding(t, '500 to lists: it waits longer each time, and syncs when it is over', async t => {
  const server = await startServer(t, [service('web')])
  server.intercept = ({ kind }) =>
    kind === 'Service' && server.lists(kind).length < 6
      ? { code: 500, reason: 'InternalError', message: 'etcd' }
      : undefined
  const reading = await read(t, server, { times: { firstRetry: 20, maxRetry: 200 } })
  await reading.synced()
  const times = server.lists('Service').map(({ at }) => at)
  const waits = times.slice(1).map((at, i) => at - times[i]!)
  t.equal(waits.length, 5)
  for (const [i, wait] of waits.entries()) {
    const due = Math.min(20 * 2 ** i, 200)
    t.ok(wait >= due / 2 - 1, `wait ${i}: ${wait.toFixed()} of ${due} ms`)
  }
  t.match([...reading.complaints], [/services can't be read since .*: 500 InternalError: etcd/])
  await reading.until(() => reading.problems().length === 0)
})

t.test('waits grow to thirty seconds, at random', async t => {
  const backoff = createBackoff(500, 30_000)
  const waits = Array.from({ length: 200 }, () => backoff.next())
  t.ok(waits.every(ms => ms >= 250 && ms <= 30_000))
  t.ok(waits.slice(7).every(ms => ms >= 15_000))
  t.ok(new Set(waits).size > 190)
  backoff.reset()
  t.ok(backoff.next() <= 500)
})

t.test('Retry-After is seconds or a date (RFC 9110 section 10.2.3)', async t => {
  t.equal(retryAfter(undefined), 0)
  t.equal(retryAfter('7'), 7_000)
  t.equal(retryAfter('86400'), 120_000, 'not for ever')
  t.equal(retryAfter('soon'), 0)
  t.equal(retryAfter(new Date(Date.now() - 5_000).toUTCString()), 0)
  const ms = retryAfter(new Date(Date.now() + 10_000).toUTCString())
  t.ok(ms > 8_000 && ms <= 10_000)
})
