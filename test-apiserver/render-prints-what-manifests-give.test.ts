// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import t from 'tap'
import { PROJECT_FOLDER } from '../lab/names.ts'
import { type ApiObject, service, slice } from '../test/kubernetes/objects.ts'
import { type Cluster, NODES, startCluster } from './cluster.ts'
import { PLACE } from './daemon.ts'
import { RIGHTS } from './rights.ts'

t.setTimeout(120_000)

const at = (ip: string) => ({ clusterIP: ip, clusterIPs: [ip] })
/** Fields that Kubernetes 1.20 has; what is left out is the server's to fill in, and the manifests' reader's. */
const OBJECTS: readonly ApiObject[] = [
  service('plain', { ...at('10.96.2.1'), type: undefined, ports: [{ port: 80 }] }),
  slice('plain-1', ['10.244.1.7', '10.244.2.7'], { ports: [{ port: 80 }] }),
  service('web', {
    ...{ ...at('10.96.2.2'), type: 'LoadBalancer', externalIPs: ['192.0.2.7'], externalTrafficPolicy: 'Local' },
    ...{ healthCheckNodePort: 31_000, sessionAffinity: 'ClientIP', loadBalancerSourceRanges: ['10.0.0.0/8'] },
    ports: [
      { name: 'http', port: 80, targetPort: 'http', nodePort: 30_080, protocol: 'TCP' },
      { name: 'more', port: 81, targetPort: 8081, nodePort: 30_081, protocol: 'TCP' },
    ],
  }),
  slice('web-1', [], {
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'more', port: 8081, protocol: 'TCP' },
    ],
    endpoints: [
      { addresses: ['10.244.1.1'], conditions: { ready: true }, nodeName: 'node1', zone: 'z1' },
      { addresses: ['10.244.2.1'], conditions: { ready: true }, nodeName: 'node2', zone: 'z2' },
      { addresses: ['10.244.2.2'], conditions: { ready: false, serving: true, terminating: true }, nodeName: 'node2' },
      { addresses: ['10.244.2.3'], conditions: { ready: false }, nodeName: 'node2' },
    ],
  }),
  slice('web-2', ['10.244.1.4'], { ports: [{ name: 'http', port: 9090, protocol: 'TCP' }] }),
  service('node-port', {
    ...{ ...at('10.96.2.3'), type: 'NodePort' },
    ports: [
      { name: 'dns', port: 53, nodePort: 30_053, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, nodePort: 30_053 },
    ],
  }),
  service('other', at('10.96.2.4'), { labels: { 'service.kubernetes.io/service-proxy-name': 'another' } }),
  service('none', { ...at('None'), selector: { app: 'none' } }),
  service('named', { type: 'ExternalName', externalName: 'example.com', ports: undefined }),
]

async function render(cluster: Cluster, argv: readonly string[], input?: string) {
  const main = join(PROJECT_FOLDER, 'agent/cli/main.ts')
  return cluster.lab.exec(PLACE, [process.execPath, main, 'render', ...argv, '-o', 'json'], input ? { input } : {})
}

const listOf = (items: readonly object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })

t.test('it prints the same from the server as from files', async t => {
  const cluster = await startCluster(t, { agents: false })
  const { client, kubeconfig } = cluster
  for (const object of OBJECTS) await client.put(object)
  const stored = [...(await client.list('Service')), ...(await client.list('EndpointSlice'))]
  const nodes = await client.list('Node')
  // In a list the server leaves each item's kind to the list's.
  const typed = (kind: string, apiVersion: string) => (object: ApiObject) => ({ ...object, kind, apiVersion })
  const fromServer = [
    ...(await client.list('Service')).map(typed('Service', 'v1')),
    ...(await client.list('EndpointSlice')).map(typed('EndpointSlice', 'discovery.k8s.io/v1')),
    ...nodes.map(typed('Node', 'v1')),
  ]
  t.ok(stored.length >= OBJECTS.length)
  for (const node of NODES) {
    const read = await render(cluster, ['--kubeconfig', kubeconfig, '--node', node])
    t.equal(read.code, 0, read.stderr)
    const frontends = JSON.parse(read.stdout)
    t.ok(frontends.length >= 10)
    const asStored = await render(cluster, ['-f', '-', '--node', node], listOf(fromServer))
    t.same(frontends, JSON.parse(asStored.stdout), `${node}: as the server has them`)
    t.equal(read.stderr, asStored.stderr)
    const kubernetes = fromServer.filter(({ metadata }) => metadata.name === 'kubernetes')
    const written = [...OBJECTS, ...kubernetes, ...nodes.map(typed('Node', 'v1'))]
    const asWritten = await render(cluster, ['-f', '-', '--node', node], listOf(written))
    t.same(frontends, JSON.parse(asWritten.stdout), `${node}: as they were written, defaults left out`)
  }

  t.test('without a right it says so, and with it again it works', async t => {
    for (const object of RIGHTS) {
      await client.delete(object.kind as 'ClusterRole', object.metadata.name)
      const refused = await render(cluster, ['--kubeconfig', kubeconfig, '--node', NODES[0]])
      t.equal(refused.code, 1)
      t.match(refused.stderr, /403 Forbidden: .*system:serviceaccount:kube-system:evenkeel.* cannot list/)
      await client.put(object)
      const read = async () => (await render(cluster, ['--kubeconfig', kubeconfig, '--node', NODES[0]])).code
      let code = await read()
      for (let i = 0; i < 20 && code !== 0; i++) code = await read()
      t.equal(code, 0, `again with its ${object.kind}`)
    }
  })
})
