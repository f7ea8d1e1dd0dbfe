// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import type { EndpointSlice, Service } from '../../agent/objects.ts'
import { localEndpoints } from '../../agent/serve/local-endpoints.ts'
import { endpoint, service, slice } from '../compile/objects.ts'

function count(slices: readonly EndpointSlice[], given: Partial<Service> = {}): number | undefined {
  return localEndpoints({ service: service(given), slices }, 'node1').get('IPv4')
}

t.test('ready endpoints of this node count', async t => {
  const elsewhere = endpoint('10.244.2.2', { nodeName: 'node2' })
  const nowhere = endpoint('10.244.2.3', { nodeName: '' })
  t.equal(count([slice([endpoint('10.244.1.2'), endpoint('10.244.1.3'), elsewhere, nowhere])]), 2)
  t.equal(count([slice([endpoint('10.244.1.2', { ready: false, serving: false })])]), 0)
  t.equal(count([]), 0)
})

t.test('terminating endpoints do not count, though they may still serve', async t => {
  const terminating = endpoint('10.244.1.2', { ready: false, serving: true, terminating: true })
  t.equal(count([slice([terminating])]), 0)
  t.equal(count([slice([terminating, endpoint('10.244.1.3')])]), 1)
})

t.test('a pod with several ports, or in several slices, counts once', async t => {
  const ports = (['a', 'b'] as const).map((name, i) => ({ name, protocol: 'TCP' as const, port: 80 + i }))
  t.equal(count([slice([endpoint('10.244.1.2')], { ports })]), 1)
  t.equal(count([slice([endpoint('10.244.1.2')]), slice([endpoint('10.244.1.2')], { name: 'web-2' })]), 1)
  t.equal(count([slice([endpoint('10.244.1.2'), endpoint('010.244.001.002')])]), 1, 'however it is written')
})

t.test('slices without ports, or of no family of the Service, do not count', async t => {
  t.equal(count([slice([endpoint('10.244.1.2')], { ports: [] })]), 0)
  t.equal(count([slice([endpoint('example.org')], { addressType: 'FQDN' })]), 0)
  t.same(
    [
      ...localEndpoints(
        { service: service(), slices: [slice([endpoint('fd00::2')], { addressType: 'IPv6' })] },
        'node1',
      ),
    ],
    [['IPv4', 0]],
  )
})

t.test('with the headless label nothing counts', async t => {
  const labels = { 'service.kubernetes.io/headless': '' }
  t.equal(count([slice([endpoint('10.244.1.2')])], { labels }), 0)
})
