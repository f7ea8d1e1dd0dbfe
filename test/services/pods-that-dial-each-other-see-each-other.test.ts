// SPDX-License-Identifier: Apache-2.0
/**
 * Two pods that dial each other through Services, each at the port that it is dialled at: what one sends looks like a reply to the
 * other. Each sees the other's own name all the same, for what ingress has led is no reply.
 */
import t from 'tap'
import { clusterFor } from '../socket/cluster.ts'
import { python } from '../socket/python.ts'
import { FAMILIES, service, UDP, vip } from './manifests.ts'

const PORT = { left: 5_000, right: 6_000 } as const
const NUMBER = { left: 1, right: 2 } as const
const names = ['left', 'right'] as const

const { lab } = await clusterFor(t, {
  config: { podPath: 'packet' },
  topology: {
    nodes: [{ name: 'node1' }],
    pods: names.map(name => ({
      name,
      node: 'node1',
      labels: { app: name },
      ports: [{ name: 'udp', port: PORT[name], protocol: 'UDP' as const }],
    })),
  },
  manifests: names.map(name =>
    service({ name, number: NUMBER[name], spec: { selector: { app: name }, ports: [UDP] } }),
  ),
})

/** Sends to the Service of the other, and says whom it hears; the first to speak does so until it is heard. */
const TALK = `
first, own, address = map(json.loads, sys.argv[1:])
s = opened(address, SOCK_DGRAM)
s.bind(('', own))
s.settimeout(0.3 if first else 10)
heard = []
for i in range(30):
    if first:
        s.sendto(b'ping', (address, 80))
    try:
        heard.append(list(s.recvfrom(99)[1][:2]))
    except socket.timeout:
        continue
    if not first:
        s.sendto(b'pong', (address, 80))
    if len(heard) == 3:
        break
say(heard)
`

for (const family of FAMILIES)
  t.test(family, async t => {
    const talk = (first: boolean, own: 'left' | 'right', other: 'left' | 'right') =>
      python(lab, own, TALK, first, PORT[own], vip(NUMBER[other], family))
    const [[left], [right]] = await Promise.all([talk(true, 'left', 'right'), talk(false, 'right', 'left')])
    const three = (name: 'left' | 'right') => Array(3).fill([lab.address(name, family), PORT[name]])
    t.same(left, three('right'), 'what left hears')
    t.same(right, three('left'), 'what right hears')
  })
