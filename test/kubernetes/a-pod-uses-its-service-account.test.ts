// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { collect } from '../../lab/command.ts'
import { makeAuthority } from './certificates.ts'
import { service } from './objects.ts'
import { makeFolder, startServer } from './source.ts'

/** In a mount namespace of its own: where pods have their token. */
const MOUNT = `set -e
mount -t tmpfs none /run
folder=/run/secrets/kubernetes.io/serviceaccount
mkdir -p $folder
cp "$FILES/right-ca.crt" $folder/ca.crt
cp "$FILES/token" $folder/token
exec "$@"`

t.test('token and certificate authority of the pod, server of its environment', async t => {
  const folder = makeFolder(t)
  const authority = makeAuthority(folder, 'right')
  const { cert, key } = authority.sign('server')
  writeFileSync(join(folder, 'token'), 'of-the-pod\n')
  const server = await startServer(t, [service('web')], { tls: { cert, key } })
  server.intercept = ({ headers }) => (headers.authorization === 'Bearer of-the-pod' ? undefined : { code: 401 })
  const { hostname, port } = new URL(server.url)
  const env = { ...process.env, FILES: folder, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
  const argv = ['-m', 'sh', '-c', MOUNT, 'sh', process.execPath, join(import.meta.dirname, 'in-cluster.ts')]
  const result = await collect(spawn('unshare', argv, { env }), { timeout: 20_000 })
  t.equal(result.stdout, 'default/web\n', result.stderr)
  t.equal(result.code, 0)
})
