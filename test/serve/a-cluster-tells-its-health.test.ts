// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { labPaths } from '../../lab/state.ts'
import { service } from '../services/manifests.ts'
import { type AskOptions, balanced, CHECK, HEALTHZ, soon, TIMEOUT_SECONDS, upCluster } from './lab.ts'

t.setTimeout(170_000)

const cluster = await upCluster()
const { lab, put, change, ask, errors } = cluster
t.teardown(() => lab.down())

const LIVEZ = { path: '/livez' } as const
const REFUSED = { status: 0, code: 7 }

/** The answer, once it has this status. */
const become = (status: number, node: string, port: number, options?: AskOptions) =>
  soon(
    () => ask(node, port, options),
    answer => answer.status === status,
  )

/** The answer of the Service's check, once it counts so many. */
const counts = (localEndpoints: number, node: string) =>
  soon(
    () => ask(node, CHECK),
    ({ body }) => body.localEndpoints === localEndpoints,
  )

const gone = (node: string, port: number) =>
  soon(
    () => ask(node, port),
    ({ code }) => code === REFUSED.code,
  )

t.test('/healthz and /livez answer on each node, over both families', async t => {
  for (const node of ['node1', 'node2'])
    for (const options of [{}, { family: 'IPv6' }, { from: node }, { from: node, address: '127.0.0.1' }] as const) {
      const { status, headers, body } = await become(200, node, HEALTHZ, options)
      t.equal(status, 200)
      t.match(headers, /^HTTP\/1.1 200 OK\r\nContent-Type: application\/json\r\nX-Content-Type-Options: nosniff\r\n/)
      t.match(body, { lastUpdated: /^\d{4}-\d\d-\d\dT.*Z$/, currentTime: body.lastUpdated, nodeEligible: true })
      t.match((await ask(node, HEALTHZ, { ...options, ...LIVEZ })).status, 200)
    }
})

t.test('the check of a Service counts the ready endpoints of its node', async t => {
  for (const [node, count] of [
    ['node1', 2],
    ['node2', 1],
  ] as const)
    for (const options of [{}, { family: 'IPv6' }, { path: '/' }] as const) {
      const { status, headers, body } = await ask(node, CHECK, options)
      t.equal(status, 200)
      t.match(headers, /\r\nContent-Type: application\/json\r\nX-Content-Type-Options: nosniff\r\n/)
      t.match(headers, new RegExp(`\r\nX-Load-Balancing-Endpoint-Weight: ${count}\r\n`))
      const named = { namespace: 'default', name: 'web' }
      t.same(body, { service: named, localEndpoints: count, serviceProxyHealthy: true })
    }
})

t.test('endpoints that are not ready, terminate or go away do not count', async t => {
  const ready = (status: string) => change('web-2', { status: { conditions: [{ type: 'Ready', status }] } })
  await ready('False')
  t.match(await counts(0, 'node2'), { status: 503, headers: /Endpoint-Weight: 0\r\n/ })
  await ready('True')
  t.match(await counts(1, 'node2'), { status: 200 })
  await change('web-2', { metadata: { deletionTimestamp: new Date().toISOString() } })
  t.match(await counts(0, 'node2'), { status: 503 })
  t.match(await ask('node1', CHECK), { status: 200, body: { localEndpoints: 2 } }, 'the other node is not affected')
  const file = lab.podFile('web-1')
  const text = readFileSync(file, 'utf8')
  await rm(file)
  t.match(await counts(1, 'node1'), { status: 200 })
  writeFileSync(file, text)
  await change('web-2', { metadata: { deletionTimestamp: undefined } })
  t.match(await counts(2, 'node1'), { status: 200 })
  t.match(await counts(1, 'node2'), { status: 200 })
})

t.test('the check moves, closes and opens with the Service', async t => {
  await put('web', balanced({ healthCheckNodePort: CHECK + 1 }))
  t.match(await become(200, 'node1', CHECK + 1), { status: 200, body: { localEndpoints: 2 } })
  t.match(await ask('node1', CHECK), REFUSED, 'the port before is closed')
  const { healthCheckNodePort: _, ...spec } = balanced({ externalTrafficPolicy: 'Cluster' }).spec as Record<
    string,
    unknown
  >
  await put('web', { ...balanced(), spec })
  t.match(await gone('node1', CHECK + 1), REFUSED, 'policy Cluster has no check')
  await put('web', balanced())
  t.match(await become(200, 'node2', CHECK), { status: 200 })
  await rm(join(lab.manifests, 'web.yaml'))
  t.match(await gone('node2', CHECK), REFUSED, 'a Service that is removed has none')
  await put('web', balanced())
  for (const node of ['node1', 'node2']) t.match(await become(200, node, CHECK), { status: 200 })
})

t.test('a node that the autoscaler is about to delete is not healthy, and its Services go on', async t => {
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' }]
  await change('node1', { spec: { taints } })
  t.match(await become(503, 'node1', HEALTHZ), { status: 503, body: { nodeEligible: false } })
  const livez = await ask('node1', HEALTHZ, LIVEZ)
  t.equal(livez.status, 200)
  t.notOk('nodeEligible' in livez.body)
  t.match(await ask('node1', CHECK), { status: 200, body: { serviceProxyHealthy: true } })
  t.match(await ask('node2', HEALTHZ), { status: 200, body: { nodeEligible: true } }, 'the other node is healthy')
  await change('node1', { spec: { taints: undefined } })
  t.match(await become(200, 'node1', HEALTHZ), { status: 200, body: { nodeEligible: true } })
})

t.test('a node that is being deleted is not healthy, nor when it is gone', async t => {
  await change('node1', { metadata: { deletionTimestamp: new Date().toISOString() } })
  t.match(await become(503, 'node1', HEALTHZ), { status: 503, body: { nodeEligible: false } })
  t.equal((await ask('node1', HEALTHZ, LIVEZ)).status, 200)
  const file = join(lab.manifests, 'lab-node-node1.yaml')
  const text = readFileSync(file, 'utf8')
  await rm(file)
  await put('web', balanced({ healthCheckNodePort: CHECK + 1 }))
  await become(200, 'node1', CHECK + 1)
  t.match(await ask('node1', HEALTHZ), { status: 503, body: { nodeEligible: false } })
  await put('web', balanced())
  writeFileSync(file, text)
  await change('node1', { metadata: { deletionTimestamp: undefined } })
  t.match(await become(200, 'node1', HEALTHZ), { status: 200 })
  for (const node of ['node1', 'node2']) t.match(await become(200, node, CHECK), { status: 200 })
})

t.test('changes that wait for longer than the time-out make every node unhealthy until they are applied', async t => {
  const file = labPaths(lab.name).allocations
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, 'broken\n')
  await put('more', service({ name: 'more', number: 2 }))
  const began = performance.now()
  for (const node of ['node1', 'node2']) {
    const { status, body } = await become(503, node, HEALTHZ)
    t.match({ status, body }, { status: 503, body: { nodeEligible: true } })
    t.ok(String(body.lastUpdated) < String(body.currentTime), 'lastUpdated stands still')
    t.equal((await ask(node, HEALTHZ, LIVEZ)).status, 503)
    t.match(await ask(node, CHECK), { status: 503, body: { serviceProxyHealthy: false } })
  }
  t.ok(performance.now() - began > TIMEOUT_SECONDS * 1000, 'not before the time-out')
  writeFileSync(file, good)
  for (const node of ['node1', 'node2']) {
    t.equal((await become(200, node, HEALTHZ)).status, 200)
    t.equal((await ask(node, HEALTHZ, LIVEZ)).status, 200)
    t.match(await become(200, node, CHECK), { status: 200, body: { serviceProxyHealthy: true } })
  }
})

t.test('an agent that hangs does not answer: probes time out', async t => {
  await cluster.signalAgent('node1', 'SIGSTOP')
  t.teardown(() => cluster.signalAgent('node1', 'SIGCONT'))
  t.match(await ask('node1', HEALTHZ), { status: 0, code: 28 })
  t.match(await ask('node1', CHECK), { status: 0, code: 28 })
  await cluster.signalAgent('node1', 'SIGCONT')
  t.equal((await become(200, 'node1', HEALTHZ)).status, 200)
})

t.test('a port that is taken is an error, and no more: the agent serves, and has the port when it is free', async t => {
  await lab.stopAgent('node1')
  t.match(await ask('node1', HEALTHZ), REFUSED, 'no agent, no answer')
  const script = `for (const port of [${HEALTHZ}, ${CHECK}]) require('node:net').createServer().listen(port, () => console.log(port))`
  const other = lab.spawn('node1', [process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => other.kill('SIGKILL'))
  await new Promise(resolve => other.stdout!.once('data', resolve))
  await lab.startAgent('node1')
  const said = await soon(
    async () => errors('node1').filter(line => line.includes('EADDRINUSE')),
    lines => lines.length >= 2,
  )
  t.match(said[0], /^\/healthz and \/livez: listen EADDRINUSE.*:::10256\. .*another healthzBindAddress; trying again$/)
  t.match(said[1], /^Service default\/web: healthCheckNodePort 31900: listen EADDRINUSE/)
  const [dialled] = await lab.dial('web-0', { protocol: 'http', address: '10.96.0.1', port: 80 })
  t.ok(dialled?.pod, 'Services work')
  other.kill('SIGKILL')
  t.equal((await become(200, 'node1', HEALTHZ)).status, 200)
  t.equal((await become(200, 'node1', CHECK)).status, 200)
})

t.test('configured: no /healthz, and checks only at the addresses that serve nodePorts', async t => {
  const config = { healthzBindAddress: '', nodePortAddresses: ['172.31.0.0/16', '2001:db8::/32'] }
  await lab.stopAgent('node1')
  await lab.startAgent('node1', { config })
  t.match(await become(200, 'node1', CHECK), { status: 200 })
  const elsewhere = [{ family: 'IPv6' }, { from: 'node1', address: '127.0.0.1' }] as const
  for (const options of elsewhere) t.equal((await ask('node1', CHECK, options)).status, 0, 'the connection is reset')
  t.match(await ask('node1', HEALTHZ), REFUSED)
})
