// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { service } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { python } from './python.ts'

const PORT = 30080
const UDP_PORT = 30053
const ports = [
  { name: 'http', port: 80, targetPort: 'http', nodePort: PORT },
  { name: 'udp', port: 80, protocol: 'UDP', targetPort: 'udp', nodePort: UDP_PORT },
]
const { lab, put, settled } = await clusterFor(t, { manifests: [service({ spec: { type: 'NodePort', ports } })] })

/** Binds a port with each kind of socket. */
const BIND = `
def bound(kind, address, port, v6only=None):
    s = opened(address, kind)
    if v6only is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    s.bind((address, port))

tcp, udp = map(json.loads, sys.argv[1:])
for kind, port in ((SOCK_STREAM, tcp), (SOCK_DGRAM, udp)):
    for arguments in (('0.0.0.0', port), ('127.0.0.1', port), ('::', port, 1), ('::', port, 0), ('::1', port)):
        say(ended(bound, kind, *arguments)[0])
`
const KINDS = 10

t.test('a process of the node gets EADDRINUSE, over TCP and UDP, IPv4, IPv6 and both', async t => {
  t.same(await python(lab, 'node1', BIND, PORT, UDP_PORT), Array(KINDS).fill('EADDRINUSE'))
})

t.test('other ports, and the same one of the other protocol, are free', async t => {
  t.same(await python(lab, 'node1', BIND, PORT + 1, UDP_PORT + 1), Array(KINDS).fill('OK'))
  t.same(await python(lab, 'node1', BIND, UDP_PORT, PORT), Array(KINDS).fill('OK'))
  t.same(await python(lab, 'node1', BIND, 0, 0), Array(KINDS).fill('OK'))
})

t.test('a pod may bind what it likes', async t => {
  t.same(await python(lab, 'client', BIND, PORT, UDP_PORT), Array(KINDS).fill('OK'))
})

t.test('without its Service a port is free again', async t => {
  await put('services', service())
  await settled('no nodePorts', services => services.every(({ frontend }) => !frontend.includes(`:${PORT}`)))
  t.same(await python(lab, 'node1', BIND, PORT, UDP_PORT), Array(KINDS).fill('OK'))
})
