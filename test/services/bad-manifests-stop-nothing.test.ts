// SPDX-License-Identifier: Apache-2.0
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { BACKENDS, type Cluster, prove, soon, type Test } from './fixture.ts'
import { FAMILIES, HTTP, service, vip } from './manifests.ts'
import { allAnswered, who } from './outcomes.ts'

/** Of pino's log levels. */
const ERROR = 50

const BAD = `apiVersion: v1
kind: Service
metadata: { name: bad }
spec:
  selector: { app: web }
  ports: [{ port: 99999 }]
---
apiVersion: v1
kind: Service
metadata: { name: good }
spec:
  selector: { app: web }
  clusterIP: 10.96.0.3
  ports: [{ port: 80, targetPort: 9376 }]
`

async function reached({ lab }: Cluster, address: string, port = 80): Promise<string[]> {
  return who(await lab.dial('client', { protocol: 'http', address, port, count: 36 }))
}

/** Whether the agent has told of it. */
async function isTold({ log }: Cluster, pattern: RegExp): Promise<boolean> {
  return (await log()).some(({ level, msg }) => level === ERROR && pattern.test(msg))
}

async function works(t: Test, { lab }: Cluster): Promise<void> {
  const targets = FAMILIES.map(family => ({ protocol: 'http', address: vip(1, family), port: 80, count: 20 }) as const)
  allAnswered(t, await lab.dial('client', ...targets), 40, 'default/web')
}

async function bad(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  await writeFile(join(lab.manifests, 'bad.yaml'), BAD)
  await soon(
    t,
    'the good Service of that file',
    async () => (await reached(cluster, vip(3))).join() === BACKENDS.join(),
  )
  await works(t, cluster)
  const message = /\/bad\.yaml:6: Service default\/bad: spec\.ports\[0\]\.port: 99999/
  t.ok(await isTold(cluster, message), 'file, line, object, field and value are told')
  await cluster.put('later', service({ name: 'later', number: 2 }))
  await soon(t, 'a later file', async () => (await reached(cluster, vip(2))).join() === BACKENDS.join())
}

async function half(t: Test, cluster: Cluster): Promise<void> {
  const file = join(cluster.lab.manifests, 'web.yaml')
  const changed = stringify(service({ spec: { ports: [HTTP, { ...HTTP, name: 'alt', port: 8080 }] } }), {
    collectionStyle: 'flow',
  })
  await writeFile(file, changed.slice(0, changed.length / 2))
  await soon(t, 'the file is named', () => isTold(cluster, /\/web\.yaml:\d+: not valid YAML/))
  await works(t, cluster)
  t.same(await reached(cluster, vip(1), 8080), ['ECONNREFUSED'])
  await writeFile(file, changed)
  await soon(t, 'the whole file', async () => (await reached(cluster, vip(1), 8080)).join() === BACKENDS.join())
}

async function pods(t: Test, cluster: Cluster): Promise<void> {
  const file = cluster.lab.podFile('web-0')
  const before = await readFile(file, 'utf8')
  await writeFile(file, before.replace(/podIPs:/, 'podIPs: ['))
  await soon(t, 'the file is named', () => isTold(cluster, /\/lab-pod-web-0\.yaml:\d+: not valid YAML/))
  t.same(await reached(cluster, vip(1)), BACKENDS, 'a Pod whose file is broken goes on serving')
  await rm(file)
  await soon(t, 'removed', async () => (await reached(cluster, vip(1))).join() === 'web-1,web-2')
  await writeFile(file, before)
  await soon(t, 'back', async () => (await reached(cluster, vip(1))).join() === BACKENDS.join())
}

prove(
  {
    'a bad object is named, and stops neither its file nor others': bad,
    'a half-written file counts as it was': half,
    'so does a Pod’s': pods,
  },
  { nodes: 1 },
)
