// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { LiveService } from '../../agent/cli/services.ts'
import { service, vip } from '../services/manifests.ts'
import { BACKENDS, clusterFor, type Test } from './cluster.ts'
import { startPython } from './python.ts'
import { startSink } from './sink.ts'

const SOCKETS = 1000
const WITHIN_MS = 1000
const PORT = 9377
const ports = [{ name: 'udp', port: 80, protocol: 'UDP', targetPort: PORT }]
const { lab, settled } = await clusterFor(t, { manifests: [service({ spec: { ports } })] })
const asks = await Promise.all(BACKENDS.map(pod => startSink(lab, pod, PORT)))

/** Sends on all sockets, round after round; one that fails is connected again. */
const CLIENT = `
import resource, select
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
addresses, count, is_connected = map(json.loads, sys.argv[1:])

class Entry:
    def __init__(self, address):
        self.address = address
        self.errors = []
        self.s = opened(address, SOCK_DGRAM)
        self.s.setblocking(False)
        self.connect()
    def connect(self):
        if is_connected:
            self.s.connect((self.address, 80))
    def send(self):
        if is_connected:
            self.s.send(b'ping')
        else:
            self.s.sendto(b'ping', (self.address, 80))
    def turn(self):
        try:
            self.send()
        except OSError as error:
            self.again(error)
    def again(self, error):
        self.errors.append(errno.errorcode[error.errno])
        self.connect()
        self.turn()
    def take(self):
        try:
            while True:
                self.pod = self.s.recv(99).decode()
        except BlockingIOError:
            pass
        except OSError as error:
            self.again(error)

entries = [Entry(addresses[i % len(addresses)]) for i in range(count)]

def round():
    for entry in entries:
        entry.turn()
    time.sleep(0.01)
    for entry in entries:
        entry.take()

for i in range(10):
    round()
before = [entry.pod for entry in entries]
say('open')
while not select.select([sys.stdin], [], [], 0)[0]:
    round()
for i in range(10):
    round()
say([[pod, entry.errors, entry.pod] for pod, entry in zip(before, entries)])
`

type Fate = readonly [before: string, errors: readonly string[], after: string]

interface Removal {
  readonly gone: Fate[]
  readonly others: Fate[]
  /** Milliseconds from when the maps said so to the last datagram that the backend got. */
  readonly late: number
}

async function takeAway(which: number, connected: boolean): Promise<Removal> {
  const pod = BACKENDS[which]!
  const addresses = [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]
  const client = startPython<string | Fate[]>(lab, 'client', CLIENT, addresses, SOCKETS, connected)
  t.equal(await client.next(), 'open')
  await rm(lab.podFile(pod))
  const [v4, v6] = [`${lab.address(pod)}:${PORT}`, `[${lab.address(pod, 'IPv6')}]:${PORT}`]
  const isGone = ({ backends }: LiveService) => !backends.includes(v4) && !backends.includes(v6)
  await settled(`${pod} is gone`, services => services.every(isGone))
  const told = Date.now()
  await sleep(WITHIN_MS + 500)
  client.tell('end')
  const fates = (await client.next()) as Fate[]
  const gone = fates.filter(([before]) => before === pod)
  return { gone, others: fates.filter(([before]) => before !== pod), late: (await asks[which]!()).last - told }
}

function staysAway(t: Test, { gone, others, late }: Removal, pod: string): void {
  t.equal(gone.length + others.length, SOCKETS)
  t.ok(gone.length > SOCKETS / 5, `${gone.length} of ${SOCKETS} had ${pod}`)
  t.ok(late < WITHIN_MS, `the last datagram came to it ${late} ms after the maps said that it is gone`)
  t.ok(
    gone.every(([, , after]) => after !== pod),
    'each is answered by another one now',
  )
  t.ok(
    others.every(([before, errors, after]) => errors.length === 0 && before === after),
    `the other ${others.length} noticed nothing`,
  )
}

t.test('connected sockets are destroyed, and can connect again', async t => {
  const removal = await takeAway(0, true)
  staysAway(t, removal, BACKENDS[0])
  const errors = removal.gone.map(([, errors]) => errors.join(' and '))
  t.comment(
    `open: ${SOCKETS}; destroyed: ${errors.filter(Boolean).length}, whose next calls said ${[...new Set(errors)].join(', or ')}; ` +
      `last datagram to the gone backend ${removal.late} ms after the maps said so`,
  )
  // A send says that the address is gone, and leaves the socket's error for the call after it.
  const either = /^(EDESTADDRREQ and )?ECONNABORTED$/
  t.ok(
    errors.every(text => either.test(text)),
    'the next call of each failed',
  )
})

t.test('unconnected sockets choose again, without an error', async t => {
  const removal = await takeAway(1, false)
  staysAway(t, removal, BACKENDS[1])
  t.comment(`open: ${SOCKETS}; moved: ${removal.gone.length}; last datagram ${removal.late} ms after the maps said so`)
  t.ok(
    removal.gone.every(([, errors]) => errors.length === 0),
    'no call failed',
  )
})
