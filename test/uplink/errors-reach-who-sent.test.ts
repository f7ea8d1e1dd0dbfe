// SPDX-License-Identifier: Apache-2.0
/** A client outside hears what becomes of its datagrams: a closed port of a backend, and too few hops, on any node of the way. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { type Cluster, FAMILIES, prove, type Test } from './fixture.ts'
import { service } from './manifests.ts'

const CLOSED = { here: 30_700, there: 30_710 } as const
const OPEN = { here: 30_720, there: 30_730 } as const
const PODS = ['here', 'there'] as const

function closed(nodePort: number) {
  return { ports: [{ name: 'udp', port: 80, targetPort: 9, nodePort, protocol: 'UDP' }] }
}

const manifests = Object.fromEntries(
  PODS.map(pod => [
    pod,
    [
      service({ name: `${pod}-closed`, selector: { pod }, spec: closed(CLOSED[pod]) }),
      service({ name: pod, selector: { pod }, nodePort: OPEN[pod] }),
    ],
  ]),
)

/** Sends a datagram that passes so many routers, and prints the error that comes back, or "answer". IP_RECVERR is 11, IPV6_RECVERR 25. */
const SEND = `
import errno, socket, sys
address, port, hops = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
six = ':' in address
sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
if six:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    sock.setsockopt(socket.IPPROTO_IPV6, 25, 1)
else:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)
sock.settimeout(2)
sock.connect((address, port))
sock.send(b'ping')
try:
    sock.recv(2000)
    print('answer')
except OSError as error:
    print(errno.errorcode.get(error.errno, 'ETIMEDOUT'))
`

async function send({ lab }: Cluster, address: string, port: number, hops: number): Promise<string> {
  const { stdout, stderr } = await lab.exec('outside', ['python3', '-c', SEND, address, String(port), String(hops)])
  return stdout.trim() || stderr
}

async function hops(t: Test, cluster: Cluster, pod: 'here' | 'there', routers: number): Promise<void> {
  for (const family of FAMILIES)
    for (let allowed = 1; allowed <= routers + 1; allowed++) {
      const got = await send(cluster, cluster.address('node1', family), OPEN[pod] + 1, allowed)
      t.equal(got, allowed > routers ? 'answer' : 'EHOSTUNREACH', `${pod} ${family}: ${allowed} hops`)
    }
}

prove(
  { manifests },
  {
    'a closed port of a backend': async (t, cluster) => {
      for (const pod of PODS)
        for (const family of FAMILIES) {
          const options = { protocol: 'udp', connected: true } as const
          const [outcome] = await cluster.dial(cluster.address('node1', family), CLOSED[pod], options)
          t.equal(outcome?.error, 'ECONNREFUSED', `${pod} ${family}`)
          t.ok(outcome!.ms < 500, `after ${outcome?.ms} ms`)
        }
    },
    'this node is a router to its own backends': (t, cluster) => hops(t, cluster, 'here', 1),
    'and two nodes are two routers to those of another': async (t, cluster) => {
      const before = cluster.rejected('node1', Reason.HOPS)
      await hops(t, cluster, 'there', 2)
      t.equal(cluster.rejected('node1', Reason.HOPS) - before, 2n, 'this node answered once in each family')
    },
  },
)
