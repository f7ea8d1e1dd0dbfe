// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FakeServer } from './api-server.ts'
import { makeAuthority } from './certificates.ts'
import { service } from './objects.ts'
import { kubeconfig, makeFolder, type Reading, read, settle, startServer } from './source.ts'

/** The server takes this token and no other. */
function demand(server: FakeServer, token: string): void {
  server.intercept = ({ headers }) =>
    headers.authorization === `Bearer ${token}` ? undefined : { code: 401, reason: 'Unauthorized' }
}

async function follows(reading: Reading, server: FakeServer, name: string): Promise<void> {
  server.store.put(service(name))
  for (const watcher of server.watchers) watcher.break()
  await reading.until(() => reading.services.has(`default/${name}`))
  await reading.until(() => reading.problems().length === 0)
}

t.test('a token in a file is read again when the server no longer takes it', async t => {
  const folder = makeFolder(t)
  const server = await startServer(t, [service('web')])
  demand(server, 'first')
  writeFileSync(join(folder, 'token'), 'first\n')
  const reading = await read(t, server, { kubeconfig: kubeconfig(t, server.url, { tokenFile: 'token' }, {}, folder) })
  await reading.synced()
  demand(server, 'second')
  for (const watcher of server.watchers) watcher.break()
  await reading.until(() => reading.problems().some(problem => /401 Unauthorized \(are the credentials/.test(problem)))
  writeFileSync(join(folder, 'token'), 'second\n')
  await follows(reading, server, 'b')
  t.match(server.asked.at(-1), { headers: { authorization: 'Bearer second', accept: 'application/json' } })
})

/** A plugin that gives the token of a file, and counts its runs. */
function makePlugin(folder: string): {
  readonly runs: () => number
  readonly give: (token: string, more?: object) => void
} {
  const script = `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO $EXTRA" >>${folder}/runs
cat ${folder}/credential
`
  writeFileSync(join(folder, 'plugin'), script, { mode: 0o755 })
  return {
    runs: () => readFileSync(join(folder, 'runs'), 'utf8').trimEnd().split('\n').length,
    give(token, more = {}) {
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token, ...more },
      }
      writeFileSync(join(folder, 'credential'), JSON.stringify(credential))
    },
  }
}

const EXEC = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: './plugin',
  interactiveMode: 'Never',
  env: [{ name: 'EXTRA', value: 'given' }],
}

t.test('a plugin is run once for all, and again when its token expires or is refused', async t => {
  const folder = makeFolder(t)
  const server = await startServer(t, [service('web')])
  const plugin = makePlugin(folder)
  plugin.give('first')
  demand(server, 'first')
  const reading = await read(t, server, { kubeconfig: kubeconfig(t, server.url, { exec: EXEC }, {}, folder) })
  await reading.until(() => server.watchers.size === 3)
  t.equal(plugin.runs(), 1)
  t.match(readFileSync(join(folder, 'runs'), 'utf8'), /^\{.*"kind":"ExecCredential".*\} given\n$/)

  plugin.give('second', { expirationTimestamp: new Date(Date.now() + 1_000).toISOString() })
  demand(server, 'second')
  await follows(reading, server, 'b')
  await new Promise(resolve => setTimeout(resolve, 1_100))
  plugin.give('third')
  demand(server, 'third')
  const refused = server.asked.length
  await follows(reading, server, 'c')
  t.ok(
    server.asked.slice(refused).every(({ headers }) => headers.authorization === 'Bearer third'),
    'renewed in time',
  )
})

t.test('a plugin that fails or is not there is a problem, until it works', async t => {
  const folder = makeFolder(t)
  const server = await startServer(t, [service('web')])
  const reading = await read(t, server, { kubeconfig: kubeconfig(t, server.url, { exec: EXEC }, {}, folder) })
  await reading.until(() => reading.problems().length === 1)
  t.match(reading.problems(), [/services can't be read since .*: spawn .*plugin ENOENT/])
  makePlugin(folder).give('any')
  await reading.synced()
  await reading.until(() => reading.problems().length === 0)
})

async function startTls(t: Test) {
  const folder = makeFolder(t)
  const authority = makeAuthority(folder, 'right')
  const { cert, key } = authority.sign('server')
  const tls = { cert, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true }
  return { folder, authority, server: await startServer(t, [service('web')], { tls }) }
}

t.test('certificates prove both sides, and are followed when files change', async t => {
  const { folder, authority, server } = await startTls(t)
  const other = makeAuthority(folder, 'other')
  const { certFile, keyFile } = authority.sign('agent')
  copyFileSync(other.file, join(folder, 'ca.crt'))
  const user = { 'client-certificate': certFile, 'client-key': keyFile }
  const file = kubeconfig(t, server.url, user, { 'certificate-authority': 'ca.crt' }, folder)
  const reading = await read(t, server, { kubeconfig: file })
  await reading.until(() => reading.problems().length === 1)
  t.match(reading.problems(), [/since .*: .*(certificate|self-signed)/])
  await settle()
  t.equal(server.asked.length, 0)
  copyFileSync(authority.file, join(folder, 'ca.crt'))
  await reading.synced()
  await reading.until(() => reading.problems().length === 0)
})

t.test('a client without a certificate is turned away', async t => {
  const { folder, authority, server } = await startTls(t)
  const data = authority.certificate.toString('base64')
  const cluster = { 'certificate-authority-data': data }
  const reading = await read(t, server, { kubeconfig: kubeconfig(t, server.url, {}, cluster, folder) })
  await reading.until(() => reading.problems().length > 0)
  t.match(reading.problems()[0], /can't be read since/)
  t.equal(reading.updates.length, 0)
})
