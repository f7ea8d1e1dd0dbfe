// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, service } from './folder.ts'

t.test('a Service of one port', async t => {
  const { services } = await load(t, [service('web', { clusterIP: '10.96.7.7' })])
  t.same(services.get('default/web')?.service, {
    namespace: 'default',
    name: 'web',
    uid: '',
    labels: {},
    annotations: {},
    created: 0,
    type: 'ClusterIP',
    clusterIPs: ['10.96.7.7'],
    externalIPs: [],
    loadBalancer: [],
    loadBalancerSourceRanges: [],
    allocateLoadBalancerNodePorts: true,
    healthCheckNodePort: 0,
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 80 }],
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    trafficDistribution: '',
    affinitySeconds: 0,
  })
})

t.test('affinity lasts three hours unless told otherwise', async t => {
  const { services } = await load(t, [
    service('a', { sessionAffinity: 'ClientIP' }),
    service('b', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } }),
    service('c', { sessionAffinity: 'None' }),
  ])
  t.same(
    [...services.values()].map(({ service }) => service.affinitySeconds),
    [10800, 5, 0],
  )
})

t.test('null is as good as nothing, addresses are in their canonical form', async t => {
  const { services, problems } = await load(t, [
    service(
      'a',
      { clusterIPs: ['FD00:0::00A'], externalIPs: null, selector: null, type: null },
      { labels: null, annotations: null, creationTimestamp: null, namespace: null },
    ),
    service('b', { type: 'LoadBalancer', loadBalancerSourceRanges: [' 10.0.0.0/8', 'FD00::/8'] }),
  ])
  t.same(problems, [])
  t.same(services.get('default/a')?.service.clusterIPs, ['fd00::a'])
  t.same(services.get('default/b')?.service.loadBalancerSourceRanges, ['10.0.0.0/8', 'fd00::/8'])
})

t.test('headless and ExternalName get no cluster IP', async t => {
  const { services, problems } = await load(t, [
    service('a', { clusterIP: 'None' }),
    service('b', { type: 'ExternalName', externalName: 'example.org', ports: undefined }),
  ])
  t.same(problems, [])
  t.same(
    [...services.values()].map(({ service }) => service.clusterIPs),
    [['None'], []],
  )
})

t.test('load balancer addresses come from the status, with their mode', async t => {
  const status = {
    loadBalancer: { ingress: [{ ip: '198.18.0.1' }, { hostname: 'x' }, { ip: '198.18.0.2', ipMode: 'Proxy' }] },
  }
  const { services } = await load(t, [{ ...service('a', { type: 'LoadBalancer' }), status }])
  t.same(services.get('default/a')?.service.loadBalancer, [
    { ip: '198.18.0.1', ipMode: 'VIP' },
    { ip: '198.18.0.2', ipMode: 'Proxy' },
  ])
})
