// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { answering, load, pod, service, slice } from './folder.ts'

t.test('all labels of the selector must match, in the same namespace', async t => {
  const { services, problems } = await load(t, [
    service('web', { selector: { app: 'web', tier: 'front' }, ports: [{ port: 80, targetPort: 8080 }] }),
    pod('a', '10.1.0.1', { labels: { app: 'web', tier: 'front', more: 'x' } }),
    pod('b', '10.1.0.2', { labels: { app: 'web', tier: 'back' } }),
    pod('c', '10.1.0.3', { labels: { app: 'web' } }),
    pod('d', '10.1.0.4', { labels: { app: 'web', tier: 'front' }, metadata: { namespace: 'other' } }),
  ])
  t.same(problems, [])
  t.same(answering(services.get('default/web')), ['10.1.0.1:8080'])
})

t.test('targetPort is port where it is not given', async t => {
  const { services } = await load(t, [service('web', { selector: { app: 'web' } }), pod('a', '10.1.0.1')])
  t.same(answering(services.get('default/web')), ['10.1.0.1:80'])
})

t.test('both families of a pod serve a dual-stack Service', async t => {
  const spec = { selector: { app: 'web' }, ipFamilyPolicy: 'RequireDualStack' }
  const both = { podIPs: [{ ip: '10.1.0.1' }, { ip: 'FD00::0:1' }] }
  const { services } = await load(t, [service('web', spec), pod('a', '', { status: both }), pod('b', '10.1.0.2')])
  t.same(answering(services.get('default/web')), ['10.1.0.1:80', '10.1.0.2:80', 'fd00::1:80'])
  t.same(
    services.get('default/web')?.slices.map(({ addressType }) => addressType),
    ['IPv4', 'IPv6'],
  )
})

t.test('a pod on the host network serves with the node address', async t => {
  const { services } = await load(t, [
    service('web', { selector: { app: 'web' } }),
    pod('a', '192.168.0.7', { spec: { hostNetwork: true, nodeName: 'n7' } }),
  ])
  t.match(services.get('default/web')?.slices[0]?.endpoints, { addresses: '192.168.0.7', states: [{ nodeName: 'n7' }] })
})

t.test('given slices win over pods, as the truth of an API server', async t => {
  const { services } = await load(t, [
    service('web', { selector: { app: 'web' } }),
    pod('a', '10.1.0.1'),
    slice('web-x', 'web', ['10.9.0.1']),
  ])
  t.same(answering(services.get('default/web')), ['10.9.0.1:8080'])
})

t.test('a Service without a selector has no pods', async t => {
  const { services } = await load(t, [service('web'), service('empty', { selector: {} }), pod('a', '10.1.0.1')])
  t.same(services.get('default/web')?.slices, [])
  t.same(services.get('default/empty')?.slices, [])
})
