// SPDX-License-Identifier: Apache-2.0
/** A client may have one port for a connection through a Service and one to the same pod itself, whichever is first: both go on. */
import { prove } from './fixture.ts'
import { FAMILIES, service, vip } from './manifests.ts'

/** What the pods' servers listen on. */
const TARGET = 9376

/** In python, whose sockets can have the port of one's choice: after each connection opens, every one that is open asks again. */
const ASK = `
import socket, sys
port, ends = int(sys.argv[1]), sys.argv[2:]
family = socket.AF_INET6 if ':' in ends[0] else socket.AF_INET
socks = []
for end in ends:
    address, to = end.rsplit(' ', 1)
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(5)
    sock.bind(('', port))
    sock.connect((address, int(to)))
    socks.append(sock)
    for sock in socks:
        sock.sendall(b'GET / HTTP/1.1\\r\\nHost: pod\\r\\n\\r\\n')
        print(sock.recv(4096).split(b'\\r\\n')[0].decode(), flush=True)
`

const OK = 'HTTP/1.1 200 OK\n'

prove(
  {
    'through the Service first, or to the pod first': async (t, { lab }) => {
      for (const [i, family] of FAMILIES.entries()) {
        const ends = [`${vip(1, family)} 80`, `${lab.address('web-0', family)} ${TARGET}`]
        for (const [j, order] of [ends, ends.toReversed()].entries()) {
          const port = String(42_000 + 2 * i + j)
          const { stdout, stderr } = await lab.exec('client', ['python3', '-c', ASK, port, ...order])
          t.same([stdout, stderr], [OK.repeat(3), ''], `${order.join(', then ')} from port ${port}`)
        }
      }
    },
  },
  { manifests: { web: [service({ spec: { selector: { pod: 'web-0' } } })] }, nodes: 1, paths: ['packet'] },
)
