// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, service } from './folder.ts'

const made = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` })
const without = 'choose another or leave it out; until then this Service goes without'

t.test('the older keeps an address, then the first by name', async t => {
  const { services, problems } = await load(t, [
    service('a', { clusterIP: '10.96.0.9' }),
    service('b', { clusterIP: '10.96.0.9' }, made(2)),
    service('c', { clusterIP: '10.96.0.9' }, made(1)),
    service('e', { clusterIPs: ['FD00:96::7'] }),
    service('d', { clusterIPs: ['fd00:96::0:7'] }),
  ])
  t.same(problems, [
    `error all.yaml:3: Service default/b: spec.clusterIP: 10.96.0.9 is taken by Service default/c: ${without}`,
    `error all.yaml:1: Service default/a: spec.clusterIP: 10.96.0.9 is taken by Service default/c: ${without}`,
    `error all.yaml:7: Service default/e: spec.clusterIP: fd00:96::7 is taken by Service default/d: ${without}`,
  ])
  t.same(
    [...services.values()].map(({ service }) => service.clusterIPs),
    [[], [], ['10.96.0.9'], [], ['fd00:96::7']],
  )
})

t.test('node ports: taken, outside the range, the health check port too', async t => {
  const node = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] })
  const checked = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    allocateLoadBalancerNodePorts: false,
    healthCheckNodePort: 30080,
  }
  const { services, problems } = await load(t, [
    service('a', node(30080)),
    service('b', node(30080)),
    service('c', node(8080)),
    service('d', checked),
  ])
  t.same(problems, [
    `error all.yaml:3: Service default/b: spec.ports[0].nodePort: 30080 is taken by Service default/a: ${without}`,
    'error all.yaml:5: Service default/c: spec.ports[0].nodePort: 8080 is outside the node port range 30000-32767: choose one inside or leave it out, or widen nodePortRange',
    `error all.yaml:7: Service default/d: spec.healthCheckNodePort: 30080 is taken by Service default/a: ${without}`,
  ])
  t.same(
    [...services.values()].map(({ service }) => service.ports[0]?.nodePort),
    [30080, 0, 0, 0],
  )
})

t.test('what is given is never allocated to another', async t => {
  const all = [2, 3, 4, 5, 6].map(i => service(`given${i}`, { clusterIP: `10.0.0.${i}` }))
  const { services } = await load(t, [service('asks'), ...all.slice(1)], { serviceCIDRs: ['10.0.0.0/29'] })
  t.same(services.get('default/asks')?.service.clusterIPs, ['10.0.0.2'])
})
