// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { compileService } from '../../agent/compile/service.ts'
import type { EndpointSlice, Service } from '../../agent/objects.ts'
import { endpoint, onNode, port, service, slice } from './objects.ts'

function compile(given: Partial<Service>, slices: readonly EndpointSlice[] = [slice([endpoint('10.244.1.1')])]) {
  const { ports, warnings } = compileService({ service: service(given), slices }, onNode())
  return {
    warnings,
    frontends: ports.flatMap(({ frontends }) => frontends.map(({ address, port }) => `${address} ${port}`)),
    ports,
  }
}

t.test('addresses', t => {
  const { warnings, frontends } = compile({
    clusterIPs: ['10.96.0.10', 'fd00::zz', '0.0.0.0'],
    externalIPs: ['203.0.113.300', '127.0.0.1', '0.0.0.0', '203.0.113.1'],
    loadBalancer: [
      { ip: 'x', ipMode: 'VIP' },
      { ip: '', ipMode: 'VIP' },
      { ip: 'y', ipMode: 'Proxy' },
      { ip: '198.18.0.1', ipMode: 'VIP' },
    ],
  })
  t.same(warnings, [
    'Service default/web: spec.clusterIPs[1]: "fd00::zz" is not an IPv4 or IPv6 address: it is left out',
    'Service default/web: spec.clusterIPs[2]: "0.0.0.0" is the unspecified address: it is left out',
    'Service default/web: spec.externalIPs[0]: "203.0.113.300" is not an IPv4 or IPv6 address: it is left out',
    'Service default/web: spec.externalIPs[1]: "127.0.0.1" is a loopback address: it is left out',
    'Service default/web: spec.externalIPs[2]: "0.0.0.0" is the unspecified address: it is left out',
    'Service default/web: status.loadBalancer.ingress[0].ip: "x" is not an IPv4 or IPv6 address: it is left out',
  ])
  t.same(new Set(frontends), new Set(['10.96.0.10 80', '198.18.0.1 80', '203.0.113.1 80']))
  t.end()
})

t.test('endpoints', t => {
  const bad = ['nonsense', 'fd00::1', '0.0.0.0'].map(address => endpoint(address))
  const none = endpoint('')
  const { warnings, ports } = compile({}, [slice([...bad, none, endpoint('10.244.1.1')], { name: 'web-x' })])
  t.match(ports[0]?.backends, [{ address: '10.244.1.1', port: 8080, pools: 1, local: true }])
  t.equal(ports[0]?.backends.length, 1)
  t.same(
    warnings,
    ['"nonsense"', '"fd00::1"', '"0.0.0.0"', 'nothing'].map(
      (text, i) =>
        `Service default/web: EndpointSlice web-x, endpoints[${i}].addresses[0]: ${text} is not an IPv4 address that can be ` +
        'reached: the endpoint is left out',
    ),
  )
  t.end()
})

t.test('ports', t => {
  const ports = [
    port({ name: 'a', port: 80, nodePort: 30080 }),
    port({ name: 'b', port: 80 }),
    port({ name: 'a', port: 81 }),
    port({ name: 'c', port: 0 }),
    port({ name: 'd', port: 82, nodePort: 30080 }),
    port({ name: 'e', port: 83, nodePort: 70_000 }),
    port({ name: 'a', port: 80, nodePort: 30080, protocol: 'UDP' }),
  ]
  const { warnings, frontends } = compile({ type: 'NodePort', ports })
  t.same(warnings, [
    'Service default/web: spec.ports[1].port: 80/TCP is there twice: the port is left out',
    'Service default/web: spec.ports[2].name: "a" is there twice: the port is left out',
    'Service default/web: spec.ports[3].port: 0 is not a port (1 to 65535): the port is left out',
    'Service default/web: spec.ports[4].nodePort: 30080/TCP is there twice: it is left out',
    'Service default/web: spec.ports[5].nodePort: 70000 is not a port (1 to 65535): it is left out',
  ])
  t.same(frontends, [
    ...['10.96.0.10 80', '0.0.0.0 30080', '0.0.0.0 30080'],
    ...['10.96.0.10 82', '10.96.0.10 83'],
    ...['10.96.0.10 80', '0.0.0.0 30080', '0.0.0.0 30080'],
  ])
  t.end()
})

t.test('slice ports without a number serve nobody', t => {
  const ports = [{ name: 'http', protocol: 'TCP', port: null }] as const
  t.same(compile({}, [slice([endpoint('10.244.1.1')], { ports })]).ports[0]?.backends, [])
  t.end()
})

t.test('a Service whose clusterIPs are all bad has nothing', t => {
  t.same(compile({ clusterIPs: ['bad'], externalIPs: ['203.0.113.1'] }).frontends, [])
  t.end()
})
