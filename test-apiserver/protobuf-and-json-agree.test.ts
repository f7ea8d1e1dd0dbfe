// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import t from 'tap'
import { type ApiObject, node, service } from '../test/kubernetes/objects.ts'
import type { Read } from './both-encodings.ts'
import { startCluster } from './cluster.ts'

t.setTimeout(300_000)

const PORTS = [
  { name: 'a', port: 80, protocol: 'TCP', targetPort: 8080 },
  { name: 'b', port: 81, protocol: 'TCP', targetPort: 'http' },
]

/** Each field that is read, in one of them at least, as far as the oldest server has it. */
const OBJECTS: readonly ApiObject[] = [
  service('plain'),
  service('headless', { clusterIP: 'None' }),
  service('name', { type: 'ExternalName', externalName: 'example.com', ports: undefined }),
  service('all', {
    ...{ type: 'LoadBalancer', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local', ports: PORTS },
    ...{ externalIPs: ['192.0.2.1', '192.0.2.2'], loadBalancerSourceRanges: ['192.0.2.0/24', '198.51.100.0/24'] },
    ...{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 77 } } },
    ...{ allocateLoadBalancerNodePorts: true, trafficDistribution: 'PreferClose' },
  }),
  {
    ...node('node9', 'z9'),
    spec: { podCIDR: '10.244.9.0/24', podCIDRs: ['10.244.9.0/24'], taints: [{ key: 'k', effect: 'NoSchedule' }] },
  } as ApiObject,
]

t.test('what a real server writes in protobuf means what it writes in JSON', async t => {
  const { lab, client, kubeconfig } = await startCluster(t, { agents: false })
  for (const object of OBJECTS) await client.put(object)
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'Proxy' }, { hostname: 'lb.example.com' }] } }
  await client.ask('PATCH', '/api/v1/namespaces/default/services/all/status', { status })
  const addresses = [{ type: 'InternalIP', address: '172.31.0.9' }]
  await client.ask('PATCH', '/api/v1/nodes/node9/status', { status: { addresses } })

  const argv = [process.execPath, join(import.meta.dirname, 'both-encodings.ts'), kubeconfig]
  const { stdout, stderr } = await lab.exec('outside', argv)
  for (const { kind, types, listed, watched } of JSON.parse(stdout || stderr) as Read[]) {
    t.same(types, ['application/vnd.kubernetes.protobuf', 'application/json'], kind)
    t.ok(listed[0]!.length >= 3, `${listed[0]!.length} objects`)
    t.same(listed[0], listed[1], `listed ${kind}s`)
    t.same(watched[0], watched[1], `watched ${kind}s`)
    t.same(watched[0], listed[0])
    t.same(
      listed[0]!.filter(({ fault }) => fault !== undefined),
      [],
    )
  }
})
