// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { openKubeconfig } from '../../agent/source/kubernetes/kubeconfig.ts'
import { SourceError } from '../../agent/source/source.ts'
import { service } from './objects.ts'
import { kubeconfig, read, startServer } from './source.ts'

/** Nobody listens there (RFC 6761: it never resolves). */
const ELSEWHERE = 'http://api.invalid:6443'

t.test('in the place of the one in the kubeconfig, whose credentials stay', async t => {
  const server = await startServer(t, [service('web')])
  server.intercept = ({ headers }) => (headers.authorization === 'Bearer secret' ? undefined : { code: 401 })
  const file = kubeconfig(t, ELSEWHERE, { token: 'secret' })
  const reading = await read(t, server, { kubeconfig: file, apiServer: server.url })
  await reading.synced()
  t.same([...reading.services.keys()], ['default/web'])
})

t.test('without a kubeconfig: no credentials', async t => {
  const server = await startServer(t, [service('web')])
  server.intercept = ({ headers }) => (headers.authorization === undefined ? undefined : { code: 401 })
  const reading = await read(t, server, { kubeconfig: undefined, apiServer: server.url })
  await reading.synced()
  t.same([...reading.services.keys()], ['default/web'])
})

t.test('none: that of the kubeconfig', async t => {
  t.equal(openKubeconfig(kubeconfig(t, ELSEWHERE), '').cluster.server, ELSEWHERE)
})

t.test('a kubeconfig that can not work is still refused', async t => {
  const file = kubeconfig(t, ELSEWHERE)
  writeFileSync(file, '{}')
  t.throws(() => openKubeconfig(file, 'https://10.0.0.1'), SourceError)
})
