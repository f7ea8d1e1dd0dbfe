// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { evenkeel, parseRows, withFolder } from './command.ts'

const node = (name: string) => `apiVersion: v1
kind: Node
metadata: {name: ${name}, labels: {topology.kubernetes.io/zone: z1}}
---
`
const web = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  clusterIPs: [10.96.0.10, "fd00:96::10"]
  ipFamilyPolicy: RequireDualStack
  externalTrafficPolicy: Local
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  ports: [{name: http, port: 80, nodePort: 30080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
  - {addresses: [10.244.10.5], nodeName: node1}
  - {addresses: [10.244.9.5], nodeName: node2}
---
`

const fixed = { service: 'shop/web', port: 'http', scheduler: 'maglev', affinitySeconds: 60 }
const both = ['10.244.9.5:8080', '10.244.10.5:8080']

t.test('JSON has exactly these fields, sorted by frontend and scope', async t => {
  const outcome = await evenkeel(['render', '-f', '-', '-o', 'json', '--node', 'node1'], node('node1') + web)
  t.equal(outcome.code, 0)
  t.equal(outcome.stderr, '')
  const local = { policy: 'Local', ...fixed }
  const cluster = { policy: 'Cluster', ...fixed }
  t.strictSame(parseRows(outcome), [
    { ...cluster, frontend: '0.0.0.0:30080/TCP', scope: 'cluster', backends: both, onEmpty: 'refuse' },
    { ...local, frontend: '0.0.0.0:30080/TCP', scope: 'external', backends: ['10.244.10.5:8080'], onEmpty: 'drop' },
    { ...cluster, frontend: '10.96.0.10:80/TCP', scope: 'cluster', backends: both, onEmpty: 'refuse' },
    { ...cluster, frontend: '[::]:30080/TCP', scope: 'cluster', backends: [], onEmpty: 'refuse' },
    { ...local, frontend: '[::]:30080/TCP', scope: 'external', backends: [], onEmpty: 'refuse' },
    { ...cluster, frontend: '[fd00:96::10]:80/TCP', scope: 'cluster', backends: [], onEmpty: 'refuse' },
  ])
})

t.test('a table is the default', async t => {
  const { stdout } = await evenkeel(['render', '-f', '-', '--node', 'node2'], node('node2') + web)
  const lines = stdout.trimEnd().split('\n')
  t.equal(lines.length, 7)
  t.match(lines[0], /^FRONTEND +SCOPE +SERVICE +PORT +POLICY +AFFINITY +BACKENDS$/)
  t.match(lines[2], /^0.0.0.0:30080\/TCP +external +shop\/web +http +Local +60s +10.244.9.5:8080$/)
  t.match(lines[6], /^\[fd00:96::10\]:80\/TCP +cluster +shop\/web +http +Cluster +60s +\(refuse\)$/)
})

t.test('without --node', async t => {
  const local = async (...nodes: string[]) => {
    const input = nodes.map(node).join('') + web.replace('node1', hostname())
    const outcome = await evenkeel(['render', '-f', '-', '-o', 'json'], input)
    const row = parseRows(outcome).find(({ frontend, scope }) => frontend.startsWith('0.0.0.0') && scope === 'external')
    return { backends: row?.backends, stderr: outcome.stderr, code: outcome.code }
  }
  t.same(await local('node2'), { backends: ['10.244.9.5:8080'], stderr: '', code: 0 }, 'the only Node there is')
  t.same(
    await local('node2', hostname()),
    { backends: ['10.244.10.5:8080'], stderr: '', code: 0 },
    'the one that this machine is',
  )
  const unknown = await local('node2', 'node3')
  t.match(unknown.stderr, /^warning: no Node is named ".*" \(there are node2, node3\): .*; choose one with --node\n$/)
  t.equal(unknown.code, 0, 'a warning does not fail the command')
})

t.test('several paths are read together', t =>
  withFolder(async folder => {
    const [first, second] = [join(folder, 'node.yaml'), join(folder, 'web.yaml')]
    writeFileSync(first, node('node2'))
    writeFileSync(second, web)
    const outcome = await evenkeel(['render', '-f', first, '-f', second, '-o', 'json'])
    t.equal(outcome.stderr, '')
    t.equal(parseRows(outcome).length, 6)
  }),
)

t.test('an object with an error fails the command, and the rest is printed', async t => {
  const bad = 'apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\nspec: {ports: [{port: 99999}]}\n'
  const outcome = await evenkeel(['render', '-f', '-', '-o', 'json', '--node', 'node1'], node('node1') + web + bad)
  t.equal(outcome.code, 1)
  t.match(outcome.stderr, /^error: .*99999/m)
  t.equal(parseRows(outcome).length, 6)
})

t.test('what is claimed twice is warned about, and the command succeeds', async t => {
  const claim = 'externalIPs: [203.0.113.1]\n  clusterIPs: [10.96.0.'
  const first = web.replace(
    'clusterIPs: [10.96.0.10, "fd00:96::10"]\n  ipFamilyPolicy: RequireDualStack',
    `${claim}10]`,
  )
  const second = first
    .replace('name: web,', 'name: aaa,')
    .replace(`${claim}10]`, `${claim}11]`)
    .replace('30080', '30081')
    .split('---')[0]
  const outcome = await evenkeel(['render', '-f', '-', '--node', 'node1'], node('node1') + first + second)
  t.equal(outcome.code, 0)
  t.match(
    outcome.stderr,
    /^warning: Service shop\/aaa: spec.externalIPs: 203.0.113.1:80\/TCP belongs to Service shop\/web/,
  )
})

t.test('wrong use is explained', async t => {
  const missing = await evenkeel(['render', '-f', '/nonexistent/folder'])
  t.equal(missing.code, 1)
  t.match(missing.stderr, /^evenkeel: \/nonexistent\/folder: .*: name a file or folder of manifests\n$/)
  const none = await evenkeel(['render'])
  t.equal(none.code, 2)
  t.match(none.stderr, /give -f/)
  const format = await evenkeel(['render', '-f', '-', '-o', 'xml'])
  t.equal(format.code, 2)
})
