// SPDX-License-Identifier: Apache-2.0
/** getaddrinfo() sorts a name's addresses by connecting a UDP socket to each: a clusterIP of TCP alone must not look unreachable. */
import t from 'tap'
import { FAMILIES, HTTP, service, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { python } from './python.ts'

const { lab } = await clusterFor(t, { manifests: [service({ spec: { ports: [HTTP] } })] })

const TEST = `
address, port = map(json.loads, sys.argv[1:])
sock = opened(address, SOCK_DGRAM)
say([ended(sock.connect, (address, port))[0], sock.getpeername()[0] if ended(sock.getpeername)[0] == 'OK' else ''])
`

for (const family of FAMILIES)
  t.test(`${family}: a UDP socket connects where TCP is served, and is refused elsewhere`, async t => {
    const connect = async (port: number) =>
      (await python<[string, string]>(lab, 'client', TEST, vip(1, family), port))[0]!
    t.same(await connect(80), ['OK', vip(1, family)], 'at the port of TCP')
    t.equal((await connect(81))[0], 'ECONNREFUSED', 'at a port that nobody serves')
    const refused = await python<[string, string]>(
      lab,
      'client',
      "address = json.loads(sys.argv[1])\nsay(ended(opened(address, SOCK_DGRAM).sendto, b'x', (address, 80))[:1])",
      vip(1, family),
    )
    t.same(refused[0], ['ECONNREFUSED'], 'a datagram is refused all the same')
  })
