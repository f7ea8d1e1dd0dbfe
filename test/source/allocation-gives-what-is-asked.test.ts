// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, service } from './folder.ts'

const V4 = /^10\.96\.\d+\.\d+$/
const V6 = /^fd00:96::/

t.test('cluster IPs by family and policy', async t => {
  const { services, problems } = await load(t, [
    service('single'),
    service('six', { ipFamilies: ['IPv6'] }),
    service('dual', { ipFamilyPolicy: 'PreferDualStack' }),
    service('six-first', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] }),
    service('half', { ipFamilyPolicy: 'RequireDualStack', clusterIP: '10.200.0.1' }),
  ])
  t.same(problems, [])
  const ips = (name: string) => services.get(`default/${name}`)?.service.clusterIPs
  t.match(ips('single'), [V4])
  t.equal(ips('single')?.length, 1)
  t.match(ips('six'), [V6])
  t.match(ips('dual'), [V4, V6])
  t.match(ips('six-first'), [V6, V4])
  t.match(ips('half'), ['10.200.0.1', V6])
})

t.test('the default family is that of the first range', async t => {
  const { services } = await load(t, [service('a'), service('b', { ipFamilyPolicy: 'PreferDualStack' })], {
    serviceCIDRs: ['fd00:5::/112'],
  })
  for (const { service } of services.values()) {
    t.equal(service.clusterIPs.length, 1)
    t.match(service.clusterIPs, [/^fd00:5::/])
  }
})

t.test('node ports, and none for a LoadBalancer that wants none', async t => {
  const ports = [
    { name: 'a', port: 80 },
    { name: 'b', port: 81, nodePort: 30123 },
    { name: 'c', port: 80, protocol: 'UDP' },
  ]
  const { services, problems } = await load(t, [
    service('node', { type: 'NodePort', ports }),
    service('balanced', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
    service('none', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }),
    service('plain'),
  ])
  t.same(problems, [])
  const of = (name: string) => services.get(`default/${name}`)?.service
  const nodePorts = (name: string) => of(name)?.ports.map(({ nodePort }) => nodePort) ?? []
  t.equal(nodePorts('node')[1], 30123)
  t.equal(new Set([...nodePorts('node'), ...nodePorts('balanced'), of('balanced')?.healthCheckNodePort]).size, 5)
  for (const port of [...nodePorts('node'), ...nodePorts('balanced')]) t.ok(port >= 30000 && port <= 32767)
  t.same(nodePorts('none'), [0])
  t.same(nodePorts('plain'), [0])
})

t.test('the first address is for default/kubernetes alone', async t => {
  const many = Array.from({ length: 5 }, (_, i) => service(`a${i}`))
  const { services, problems } = await load(t, [...many, service('kubernetes')], { serviceCIDRs: ['10.0.0.0/29'] })
  t.same(problems, [])
  t.same(services.get('default/kubernetes')?.service.clusterIPs, ['10.0.0.1'])
  const ips = [...services.values()].map(({ service }) => service.clusterIPs[0]).sort()
  t.same(ips, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
})

t.test('the same whatever the order in which Services are read', async t => {
  const objects = Array.from({ length: 2000 }, (_, i) => service(`s${i}`, { type: 'NodePort' }))
  const some = await load(t, objects)
  const others = await load(t, objects.toReversed())
  t.same(some.problems, [])
  for (const [key, { service }] of some.services) t.same(others.services.get(key)?.service, service)
})

t.test('a range that is none is refused', async t => {
  t.rejects(load(t, [], { serviceCIDRs: ['10.0.0.0'] }), {
    message: 'serviceCIDRs: "10.0.0.0" is not a range such as 10.96.0.0/16',
  })
  t.rejects(load(t, [], { serviceCIDRs: ['10.0.0.0/16', '10.1.0.0/16'] }), { message: /one IPv4 and one IPv6 range$/ })
  t.rejects(load(t, [], { nodePortRange: '32767-30000' }), { message: /is not a range of ports such as 30000-32767$/ })
})
