// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, service, slice } from './folder.ts'

const ENDPOINTS = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'web' },
  subsets: [
    {
      addresses: [{ ip: '10.1.0.1', nodeName: 'node1' }, { ip: 'fd00::1' }],
      notReadyAddresses: [{ ip: '10.1.0.2' }],
      ports: [{ name: 'http', port: 8080 }],
    },
    { addresses: [{ ip: '10.1.0.3' }], ports: [{ name: 'http', port: 9090 }] },
  ],
}

t.test('each subset becomes a slice a family', async t => {
  const { services, problems } = await load(t, [service('web', { ports: [{ name: 'http', port: 80 }] }), ENDPOINTS])
  t.same(problems, [])
  t.match(services.get('default/web')?.slices, [
    {
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      endpoints: {
        addresses: '10.1.0.1\n10.1.0.2',
        states: [
          { ready: true, nodeName: 'node1' },
          { ready: false, serving: false },
        ],
      },
    },
    { addressType: 'IPv6', endpoints: { addresses: 'fd00::1', states: [{ ready: true }] } },
    { addressType: 'IPv4', ports: [{ port: 9090 }], endpoints: { addresses: '10.1.0.3' } },
  ])
})

t.test('slices win over Endpoints', async t => {
  const { services } = await load(t, [service('web'), ENDPOINTS, slice('web-1', 'web', ['10.1.0.9'])])
  t.same(
    services.get('default/web')?.slices.map(({ name }) => name),
    ['web-1'],
  )
})
