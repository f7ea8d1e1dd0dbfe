// SPDX-License-Identifier: Apache-2.0
/** Established flows go on while their backend exists: so compile names every endpoint, and pool bits tell who gets new ones. */
import t from 'tap'
import { compileService } from '../../agent/compile/service.ts'
import type { Service } from '../../agent/objects.ts'
import { endpoint, onNode, service, slice } from './objects.ts'

const CLUSTER4 = 1
const LOCAL4 = 2
const CLUSTER6 = 4

const ending = { ready: false, terminating: true }

function pools(given: Partial<Service>, ...endpoints: ReturnType<typeof endpoint>[]) {
  const { ports } = compileService({ service: service(given), slices: [slice(endpoints)] }, onNode())
  return Object.fromEntries(ports[0]!.backends.map(({ address, pools }) => [address, pools]))
}

t.test('terminating, not ready and gone', t => {
  const found = pools(
    {},
    endpoint('10.244.1.4', { ready: false, serving: false }),
    endpoint('10.244.1.3', { ready: false, serving: false, terminating: true }),
    endpoint('10.244.1.2', ending),
    endpoint('10.244.1.1'),
  )
  t.same(found, { '10.244.1.1': CLUSTER4, '10.244.1.2': 0, '10.244.1.3': 0, '10.244.1.4': 0 })
  t.end()
})

t.test('on another node under policy Local', t => {
  const elsewhere = endpoint('10.244.2.1', { nodeName: 'node2' })
  const found = pools({ internalTrafficPolicy: 'Local' }, endpoint('10.244.1.1'), elsewhere)
  t.same(found, { '10.244.1.1': LOCAL4, '10.244.2.1': 0 })
  t.end()
})

t.test('in another zone', t => {
  const found = pools({}, endpoint('10.244.1.1', { zoneHints: ['z1'] }), endpoint('10.244.2.1', { zoneHints: ['z2'] }))
  t.same(found, { '10.244.1.1': CLUSTER4, '10.244.2.1': 0 })
  t.end()
})

t.test('only pools that a frontend asks for are named', t => {
  t.same(pools({ externalTrafficPolicy: 'Local' }, endpoint('10.244.1.1')), { '10.244.1.1': CLUSTER4 })
  t.same(pools({ externalTrafficPolicy: 'Local', externalIPs: ['203.0.113.1'] }, endpoint('10.244.1.1')), {
    '10.244.1.1': CLUSTER4 | LOCAL4,
  })
  t.end()
})

t.test('each family has its own pools, and backends are sorted by bytes and know whether they are here', t => {
  const slices = [
    slice([endpoint('fd00::10'), endpoint('fd00::9')], { name: 'web-6', addressType: 'IPv6' }),
    slice([endpoint('10.244.1.10'), endpoint('10.244.1.9', { nodeName: 'node2' }), endpoint('9.0.0.1')]),
  ]
  const { ports } = compileService({ service: service({ clusterIPs: ['fd00:96::1', '10.96.0.1'] }), slices }, onNode())
  t.same(
    ports[0]?.backends.map(({ parsed, ...rest }) => (parsed?.text === rest.address ? rest : parsed)),
    [
      { address: '9.0.0.1', port: 8080, pools: CLUSTER4, local: true },
      { address: '10.244.1.9', port: 8080, pools: CLUSTER4, local: false },
      { address: '10.244.1.10', port: 8080, pools: CLUSTER4, local: true },
      { address: 'fd00::9', port: 8080, pools: CLUSTER6, local: true },
      { address: 'fd00::10', port: 8080, pools: CLUSTER6, local: true },
    ],
  )
  t.end()
})

t.test('a node serves the families that it has', t => {
  const view = {
    service: service({ clusterIPs: ['fd00:96::1', '10.96.0.1'] }),
    slices: [slice([endpoint('10.244.1.1')])],
  }
  const { ports, warnings } = compileService(view, { ...onNode(), families: ['IPv6'] })
  t.same(
    ports[0]?.frontends.map(({ address }) => address),
    ['fd00:96::1'],
  )
  t.same(ports[0]?.backends, [])
  t.same(warnings, [])
  t.end()
})
