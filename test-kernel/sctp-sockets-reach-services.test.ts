// SPDX-License-Identifier: Apache-2.0
/** Associations of real SCTP sockets, whose checksums the kernel verifies: needs a kernel with sctp. test/services has it packet by packet. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Cluster, FAMILIES, prove } from '../test/uplink/fixture.ts'

const NODE_PORT = 30_740
const VIP = { IPv4: '10.96.7.40', IPv6: 'fd00:96::7:40' } as const
const TARGET = 9_999
/** More than fits into one packet. */
const BYTES = 20_000

const web = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'sctp' },
  spec: {
    type: 'NodePort',
    ipFamilyPolicy: 'RequireDualStack',
    clusterIPs: Object.values(VIP),
    selector: { app: 'web' },
    ports: [{ port: 3_868, targetPort: TARGET, nodePort: NODE_PORT, protocol: 'SCTP' }],
  },
}

/** sctp.py server NAME | client ADDRESS PORT TIMES: a line for each answer, "here 20000" (who, and how much they got), or the error. */
const SCTP = `
import socket, sys
def make(v4):
    s = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_STREAM, 132)
    s.settimeout(20)
    if not v4: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return s
def serve(listener):
    while True:
        try: s, _ = listener.accept()
        except TimeoutError: continue
        got, part = 0, b'-'
        try:
            while got < ${BYTES} and part:
                part = s.recv(65536)
                got += len(part)
            s.sendall(f'{sys.argv[2]} {got}'.encode())
        except OSError as error: print(sys.argv[2], got, repr(error), file=sys.stderr)
        s.close()
if sys.argv[1] == 'server':
    import threading
    for v4 in True, False:
        listener = make(v4)
        listener.bind(('0.0.0.0' if v4 else '::', ${TARGET}))
        listener.listen(16)
        threading.Thread(target=serve, args=[listener]).start()
    print('ready', flush=True)
else:
    for _ in range(int(sys.argv[4])):
        s = make('.' in sys.argv[2])
        try:
            s.connect((sys.argv[2], int(sys.argv[3])))
            for _ in range(${BYTES / 1000}): s.sendall(bytes(1000))
            print(s.recv(100).decode())
        except OSError as error: print(repr(error))
        s.close()
`

async function serve({ lab }: Cluster, pod: string): Promise<() => void> {
  const child = lab.spawn(pod, ['python3', '-c', SCTP, 'server', pod], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout! }), 'line')
  return () => void child.kill('SIGKILL')
}

async function answers({ lab }: Cluster, where: string, address: string, port: number): Promise<string[]> {
  const { stdout } = await lab.exec(where, ['python3', '-c', SCTP, 'client', address, String(port), '12'], {
    timeout: 300_000,
  })
  return [...new Set(stdout.trim().split('\n'))].toSorted()
}

const BOTH = [`here ${BYTES}`, `there ${BYTES}`]

prove(
  { modes: ['off', 'native'], manifests: { web: [web] } },
  {
    'pods and clients outside associate with backends here and there': async (t, cluster) => {
      const ends = await Promise.all(['here', 'there'].map(pod => serve(cluster, pod)))
      t.teardown(() => void ends.map(end => end()))
      for (const family of FAMILIES) {
        t.same(await answers(cluster, 'here', VIP[family], 3_868), BOTH, `${family}: a pod`)
        t.same(
          await answers(cluster, 'outside', cluster.address('node1', family), NODE_PORT),
          BOTH,
          `${family}: outside`,
        )
      }
    },
  },
)
