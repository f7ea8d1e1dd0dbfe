// SPDX-License-Identifier: Apache-2.0
/** A flow that goes on in the node's name keeps the client's port, unless another flow or a socket of the node has it. */
import { once } from 'node:events'
import { FAMILIES, prove, type Test } from './fixture.ts'
import { service } from './manifests.ts'

const FIRST = 30_600
const SECOND = 30_610
const TARGET = 9376
const there = { selector: { pod: 'there' } }
const manifests = {
  first: [service({ name: 'first', nodePort: FIRST, ...there })],
  second: [service({ name: 'second', nodePort: SECOND, ...there })],
}

/** In python, whose sockets can have the port of one's choice: connects and holds on until its input ends. */
const HOLD = `
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_STREAM if kind == 'http' else socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(('', port))
sock.connect((address, ${TARGET}))
print('held', flush=True)
sys.stdin.read()
`

function portOf(answer = ''): number {
  return Number(/\d+$/.exec(answer)?.[0])
}

prove(
  { manifests },
  {
    'the client keeps its port': async (t, { dial, address }) => {
      const [outcome] = await dial(address('node1'), FIRST, { localPort: 41_000 })
      t.equal(portOf(outcome?.answer), 41_000)
    },
    'two Services with one backend do not mix up one client port': async (t, { dial, address }) => {
      for (const family of FAMILIES) {
        const options = { protocol: 'udp', localPort: 41_001 } as const
        const [first] = await dial(address('node1', family), FIRST + 1, options)
        const [second] = await dial(address('node1', family), SECOND + 1, options)
        t.equal(portOf(first?.answer), 41_001)
        t.ok(portOf(second?.answer) >= 61_000, `${second?.answer ?? second?.error}: another port`)
        t.equal(second?.from, `${address('node1', family)} ${SECOND + 1}`)
      }
    },
    "a port of the node's own connection is not taken": async (t, { lab, dial, address }) => {
      for (const [i, family] of FAMILIES.entries())
        for (const [j, protocol] of (['http', 'udp'] as const).entries()) {
          const port = 41_010 + 2 * i + j
          const held = lab.spawn('node1', ['python3', '-c', HOLD, protocol, lab.address('there', family), String(port)])
          t.teardown(() => held.kill())
          const [line] = (await once(held.stdout!, 'data')) as [Buffer]
          t.equal(String(line).trim(), 'held')
          const [outcome] = await dial(address('node1', family), FIRST + j, { protocol, localPort: port })
          taken(t, outcome?.answer, `${protocol} over ${family}`)
          const ended = once(held, 'close')
          held.stdin!.end()
          await ended
        }
    },
  },
)

function taken(t: Test, answer: string | undefined, what: string): void {
  t.ok(portOf(answer) >= 61_000, `${what}: ${answer} is from a port of the documented range`)
}
