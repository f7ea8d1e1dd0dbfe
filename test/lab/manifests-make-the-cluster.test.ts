// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { upLab } from '../../lab/up.ts'

t.setTimeout(120_000)

const name = `h${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const SHOP = `# A shop.
kind: Pod
apiVersion: v1
metadata:
  name: web-0
  namespace: shop
  labels: { app: web }
  annotations:
    lab.evenkeel.io/serve: hostnames
    team: blue
spec:
  containers:
    - name: web
      image: web
      ports: [{ name: http, containerPort: 8080 }, { containerPort: 53, protocol: UDP }]
---
kind: Service
apiVersion: v1
metadata: { name: web, namespace: shop } # stays
---
kind: Pod
apiVersion: v1
metadata: { name: web-1, annotations: { lab.evenkeel.io/node: node2 } }
---
kind: Pod
apiVersion: v1
metadata: { name: elsewhere }
status: { podIP: 10.9.9.9 }
`
writeFileSync(join(folder, 'shop.yaml'), SHOP)
writeFileSync(join(folder, 'broken.yaml'), 'kind: [\n')
writeFileSync(join(folder, 'notes.txt'), 'not a manifest')

const lab = await upLab({ name, files: [folder], agents: false, manifests: { 'more.yaml': 'kind: Service\n' } })
t.teardown(() => lab.down())
const read = (path: string) => readFileSync(join(lab.manifests, basename(path)), 'utf8')

t.test('the folder holds the user’s files and objects for all nodes and pods', async t => {
  t.same(readdirSync(lab.manifests).toSorted(), [
    'broken.yaml',
    'lab-node-node1.yaml',
    'lab-node-node2.yaml',
    'lab-pod-client.yaml',
    'lab-pod-web-0.yaml',
    'lab-pod-web-1.yaml',
    'more.yaml',
    'shop.yaml',
  ])
  t.equal(read('broken.yaml'), 'kind: [\n', 'what does not parse goes to the agents as it is')
})

t.test('Pods that the lab runs are taken out; the rest keeps its text and its lines', async t => {
  const lines = SHOP.split('\n')
  const kept = read('shop.yaml').split('\n')
  t.equal(kept.length, lines.length)
  const service = lines.indexOf('kind: Service')
  t.same(kept.slice(service, service + 3), lines.slice(service, service + 3))
  t.equal(kept[lines.length - 2], 'status: { podIP: 10.9.9.9 }', 'a Pod with a status runs elsewhere')
  const kinds = parseAllDocuments(read('shop.yaml')).map(document => document.toJS()?.kind)
  t.same(kinds.filter(Boolean), ['Service', 'Pod'])
})

t.test('a Pod’s object shows where it runs, and all that the user wrote', async t => {
  const pod = parse(read(lab.podFile('web-0')))
  t.match(pod.metadata, { name: 'web-0', namespace: 'shop', labels: { app: 'web' }, annotations: { team: 'blue' } })
  t.equal(pod.spec.nodeName, 'node1', 'the first in turn')
  t.equal(pod.spec.containers[0].image, 'web')
  t.same(pod.status.podIPs, [{ ip: lab.address('web-0') }, { ip: lab.address('web-0', 'IPv6') }])
  t.match(pod.status, {
    podIP: lab.address('web-0'),
    hostIP: '172.31.0.1',
    conditions: [{ type: 'Ready', status: 'True' }],
  })
  t.equal(parse(read(lab.podFile('web-1'))).spec.nodeName, 'node2', 'where the annotation says')
})

t.test('a Node’s object has its addresses, pod ranges and zone', async t => {
  const node = parse(read('lab-node-node2.yaml'))
  t.equal(node.metadata.labels['topology.kubernetes.io/zone'], 'zone-b')
  t.same(node.spec.podCIDRs, ['10.244.2.0/24', 'fd00:244:2::/64'])
  const internal = node.status.addresses.filter(({ type }: { type: string }) => type === 'InternalIP')
  t.same(internal, [
    { type: 'InternalIP', address: '172.31.0.2' },
    { type: 'InternalIP', address: 'fd00:31::2' },
  ])
})

t.test('a Pod serves on the ports that its manifest names', async t => {
  const address = lab.address('web-0')
  t.match(await lab.dial('client', { protocol: 'http', address, port: 8080 }), [{ pod: 'web-0' }])
  t.match(await lab.dial('client', { protocol: 'udp', address, port: 53 }), [{ pod: 'web-0' }])
  t.match(await lab.dial('client', { protocol: 'http', address, port: 9376 }), [{ error: 'ECONNREFUSED' }])
})

t.test('a pod that is not ready says so in its object', async t => {
  const nodes = [{ name: 'n' }]
  const pods = [{ name: 'p', node: 'n', ready: false }]
  await using other = await upLab({ name: `${name}x`, agents: false, topology: { nodes, pods } })
  t.equal(parse(readFileSync(other.podFile('p'), 'utf8')).status.conditions[0].status, 'False')
})
