// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { evenkeel } from '../compile/command.ts'
import { type ApiObject, node, service, slice } from './objects.ts'
import { kubeconfig, startServer } from './source.ts'

const dual = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }
const labelled = (name: string, label: string, clusterIP: string) =>
  service(name, { clusterIP, clusterIPs: [clusterIP] }, { labels: { [label]: 'x' } })

const objects: readonly ApiObject[] = [
  node('node1', 'z1'),
  node('node2', 'z2', '172.31.0.2'),
  service('web', {
    ...{ ...dual, type: 'LoadBalancer', clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'FD00:96:0::0001'] },
    ...{ externalIPs: ['192.0.2.7'], externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 },
    ...{ sessionAffinity: 'ClientIP', loadBalancerSourceRanges: ['10.0.0.0/8'] },
    ports: [
      { name: 'http', port: 80, targetPort: 'http', nodePort: 30_080, protocol: 'TCP' },
      { name: 'dns', port: 53, nodePort: 30_053, protocol: 'UDP' },
    ],
  }),
  slice('web-1', [], {
    ports: [
      { name: 'http', port: 8080 },
      { name: 'dns', port: 5353, protocol: 'UDP' },
    ],
    endpoints: [
      { addresses: ['10.244.1.1'], nodeName: 'node1', zone: 'z1', hints: { forZones: [{ name: 'z1' }] } },
      { addresses: ['10.244.2.1'], nodeName: 'node2', zone: 'z2', hints: { forZones: [{ name: 'z2' }] } },
      { addresses: ['10.244.2.2'], conditions: { ready: false, serving: true, terminating: true }, nodeName: 'node2' },
    ],
  }),
  slice('web-2', [], {
    ...{ addressType: 'IPv6', ports: [{ name: 'http', port: 8080 }] },
    endpoints: [{ addresses: ['FD00:244:1::1'], nodeName: 'node1' }],
  }),
  labelled('other', 'service.kubernetes.io/service-proxy-name', '10.96.0.8'),
  labelled('headless', 'service.kubernetes.io/headless', '10.96.0.9'),
  slice('headless-1', ['10.244.1.9']),
  service('none', { clusterIP: 'None', clusterIPs: ['None'] }),
  service('named', { type: 'ExternalName', externalName: 'example.com', ports: undefined }),
  service('idle', { clusterIP: '10.96.0.3', clusterIPs: ['10.96.0.3'] }),
]

t.test('it prints the same as from a file', async t => {
  const server = await startServer(t, objects)
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  const file = kubeconfig(t, server.url)
  for (const name of ['node1', 'node2']) {
    const expected = await evenkeel(['render', '-f', '-', '--node', name, '-o', 'json'], text)
    const outcome = await evenkeel(['render', '--kubeconfig', file, '--node', name, '-o', 'json'])
    t.equal(outcome.stderr, expected.stderr)
    t.equal(outcome.code, 0)
    t.ok(JSON.parse(expected.stdout).length > 10)
    t.same(JSON.parse(outcome.stdout), JSON.parse(expected.stdout), name)
  }
  t.match(await evenkeel(['render', '--kubeconfig', file]), {
    stderr: /no Node is named .* \(there are node1, node2\)/,
  })
})

t.test('objects that can not be used are told, and the rest is printed', async t => {
  const server = await startServer(t, [...objects, service('bad', { ports: 7 })], { encodings: ['json'] })
  const outcome = await evenkeel(['render', '--kubeconfig', kubeconfig(t, server.url), '--node', 'node1', '-o', 'json'])
  t.equal(outcome.code, 1)
  t.match(outcome.stderr, /^error: Service default\/bad: spec\.ports: 7 is not a list/)
  t.ok(JSON.parse(outcome.stdout).length > 10)
})

t.test('a server that refuses is told as such', async t => {
  const server = await startServer(t)
  server.intercept = () => ({ code: 403, reason: 'Forbidden', message: 'services is forbidden' })
  const outcome = await evenkeel(['render', '--kubeconfig', kubeconfig(t, server.url)])
  t.equal(outcome.code, 1)
  t.match(
    outcome.stderr,
    /API server http:.*: 403 Forbidden: services is forbidden \(the user needs the verbs list and watch/,
  )
  t.equal(outcome.stdout, '')
})
