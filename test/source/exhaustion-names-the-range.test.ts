// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, service } from './folder.ts'

t.test('of addresses', async t => {
  const objects = ['a', 'b', 'c'].map(name => service(name))
  const { services, problems } = await load(t, objects, { serviceCIDRs: ['10.0.0.0/30'] })
  const lacks = (name: string, line: number) =>
    `error all.yaml:${line}: Service default/${name}: spec.clusterIP: no address is left in 10.0.0.0/30: remove Services, or configure a larger range in serviceCIDRs`
  t.same(problems, [lacks('b', 3), lacks('c', 5)])
  t.same(
    [...services.values()].map(({ service }) => service.clusterIPs),
    [['10.0.0.2'], [], []],
  )
})

t.test('of node ports', async t => {
  const objects = ['a', 'b', 'c'].map(name => service(name, { type: 'NodePort' }))
  const { services, problems } = await load(t, objects, { nodePortRange: '40000-40001' })
  t.same(problems, [
    'error all.yaml:5: Service default/c: spec.ports[0].nodePort: no port is left in 40000-40001: remove Services, or widen nodePortRange',
  ])
  t.same([...services.values()].map(({ service }) => service.ports[0]?.nodePort).sort(), [0, 40000, 40001])
})

t.test('a family without a range', async t => {
  const { services, problems } = await load(t, [service('a', { ipFamilies: ['IPv6'] })], {
    serviceCIDRs: ['10.0.0.0/24'],
  })
  t.same(problems, [
    'error all.yaml:1: Service default/a: spec.ipFamilies: there is no IPv6 range to take a cluster IP from: ask for the other family, or add such a range to serviceCIDRs',
  ])
  t.same(services.get('default/a')?.service.clusterIPs, [])
})
