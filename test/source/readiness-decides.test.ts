// SPDX-License-Identifier: Apache-2.0

import t from 'tap'
import { unpackEndpoints } from '../../agent/endpoints.ts'
import { load, pod, service } from './folder.ts'

const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' }
const UNREADY = { conditions: [{ type: 'Ready', status: 'False' }] }

const PODS = [
  pod('a', '10.1.0.1'),
  pod('b', '10.1.0.2', { status: UNREADY }),
  pod('c', '10.1.0.3', { metadata: DELETED }),
  pod('d', '10.1.0.4', { metadata: DELETED, status: UNREADY }),
  pod('e', '10.1.0.5', { status: { phase: 'Succeeded' } }),
  pod('f', '10.1.0.6', { status: { phase: 'Failed' } }),
  pod('g', '10.1.0.7', { status: { podIPs: [], phase: 'Pending' } }),
  pod('h', '10.1.0.8', { status: { conditions: [] } }),
]

async function states(t: Parameters<typeof load>[0], spec: object) {
  const { services } = await load(t, [service('web', { selector: { app: 'web' }, ...spec }), ...PODS])
  const endpoints = services.get('default/web')?.slices.flatMap(slice => unpackEndpoints(slice.endpoints)) ?? []
  return endpoints.map(({ address, state }) => [address, state.ready, state.serving, state.terminating])
}

t.test('ready, serving and terminating come from the condition and the deletion time', async t => {
  t.same(await states(t, {}), [
    ['10.1.0.1', true, true, false],
    ['10.1.0.2', false, false, false],
    ['10.1.0.3', false, true, true],
    ['10.1.0.4', false, false, true],
    ['10.1.0.8', false, false, false],
  ])
})

t.test('publishNotReadyAddresses makes all of them ready', async t => {
  t.same(await states(t, { publishNotReadyAddresses: true }), [
    ['10.1.0.1', true, true, false],
    ['10.1.0.2', true, false, false],
    ['10.1.0.3', true, true, true],
    ['10.1.0.4', true, false, true],
    ['10.1.0.8', true, false, false],
  ])
})

t.test('in a given slice unset ready and serving are true, unset terminating is false', async t => {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.1.0.1'] },
      { addresses: ['10.1.0.2'], conditions: { ready: false } },
      { addresses: ['10.1.0.3'], conditions: { ready: false, serving: true, terminating: true } },
    ],
  }
  const { services } = await load(t, [service('web'), slice])
  t.match(services.get('default/web')?.slices[0]?.endpoints.states, [
    { ready: true, serving: true, terminating: false },
    { ready: false, serving: true, terminating: false },
    { ready: false, serving: true, terminating: true },
  ])
})
