// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseBindAddress } from '../../agent/serve/bind-address.ts'
import { jsonAnswer, type ProbeServer, serveProbes } from '../../agent/serve/probe-server.ts'
import { eventually } from '../eventually.ts'
import { inOwnNetwork } from '../own-network.ts'
import { keptLog, loopbackUp, statusOf } from './probe.ts'

const PORT = 10256

function serve(t: Test, text: string) {
  const { log, errors } = keptLog()
  const at = parseBindAddress(text)!
  const answer = () => jsonAnswer(true, {})
  const server: ProbeServer = serveProbes({ what: 'probes', advice: 'End it', at, answer, log, retryMs: 50 })
  t.teardown(server.close)
  return { server, errors }
}

/** Somebody else has the port. */
async function occupy(t: Test) {
  const other = createServer().listen(PORT)
  await once(other, 'listening')
  t.teardown(() => other.close())
  return () => void other.close()
}

if (inOwnNetwork(import.meta.filename)) {
  loopbackUp()

  t.test('either wildcard serves both families', async t => {
    for (const text of ['0.0.0.0:10256', '[::]:10256']) {
      const { server } = serve(t, text)
      for (const host of ['127.0.0.1', '127.0.0.5', '::1'])
        t.ok(await eventually(async () => (await statusOf(PORT, { host })) === 200), `${text}: ${host}`)
      server.close()
      t.equal(await statusOf(PORT), 'ECONNREFUSED', 'closed')
    }
  })

  t.test('an address serves there alone', async t => {
    for (const [text, there, elsewhere] of [
      ['127.0.0.1:10256', '127.0.0.1', '::1'],
      ['[::1]:10256', '::1', '127.0.0.1'],
    ] as const) {
      const { server } = serve(t, text)
      t.ok(await eventually(async () => (await statusOf(PORT, { host: there })) === 200), text)
      t.equal(await statusOf(PORT, { host: elsewhere }), 'ECONNREFUSED')
      server.close()
    }
  })

  t.test('a port that is taken is one line of error, and is had once it is free', async t => {
    const leave = await occupy(t)
    for (const text of ['0.0.0.0:10256', '127.0.0.1:10256', '[::1]:10256']) {
      const { server, errors } = serve(t, text)
      t.ok(await eventually(() => errors().length > 0))
      await sleep(200)
      t.equal(errors().length, 1, 'four tries later there is still one line')
      t.match(errors()[0], /^probes: listen EADDRINUSE: .*10256\. End it; trying again$/)
      server.close()
    }
    const { errors } = serve(t, '0.0.0.0:10256')
    t.ok(await eventually(() => errors().length > 0))
    leave()
    t.ok(await eventually(async () => (await statusOf(PORT)) === 200), 'it serves')
  })

  t.test('an address that the machine does not have is waited for, too', async t => {
    const { errors } = serve(t, '10.9.8.7:10256')
    t.ok(await eventually(() => errors().length > 0))
    t.match(errors()[0], /EADDRNOTAVAIL/)
  })

  t.test('closed before it listens, it never does', async t => {
    for (const text of ['127.0.0.1:10256', '0.0.0.0:10256']) {
      serve(t, text).server.close()
      await sleep(50)
      t.equal(await statusOf(PORT), 'ECONNREFUSED')
    }
    const leave = await occupy(t)
    serve(t, '0.0.0.0:10256').server.close()
    const { server, errors } = serve(t, '0.0.0.0:10256')
    await eventually(() => errors().length > 0)
    server.close()
    leave()
    await sleep(150)
    t.equal(await statusOf(PORT), 'ECONNREFUSED', 'not even when the port gets free')
  })

  t.test('closing ends connections, those that are kept open and those in the middle of a request', async t => {
    const { server } = serve(t, '0.0.0.0:10256')
    const whole = 'GET / HTTP/1.1\r\nHost: node\r\n\r\n'
    const kept = connect(PORT, '127.0.0.1')
    kept.write(whole)
    t.match(String(await once(kept, 'data')), /^HTTP\/1.1 200 OK/)
    const half = connect(PORT, '127.0.0.1')
    half.write(`${whole}GET`)
    t.match(String(await once(half, 'data')), /^HTTP\/1.1 200 OK/)
    const ended = [kept, half].map(socket => once(socket, 'close'))
    const began = performance.now()
    server.close()
    await Promise.all(ended)
    t.ok(performance.now() - began < 1000, 'at once')
  })
}
