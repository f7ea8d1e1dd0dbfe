// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { liveServices } from '../../agent/cli/services.ts'
import { takeAway } from '../cluster.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { startPython } from './python.ts'

const GONE = 'web-0'
const CONNECTIONS = 30
const WITHIN_MS = 1000
const { lab, look, settled, restart } = await clusterFor(t)

/** Holds connections of each kind; for each line of input it asks on all of them who is there. */
const CLIENT = `
addresses, count = map(json.loads, sys.argv[1:])
connections = []
for i in range(count):
    address = addresses[i % len(addresses)]
    s = opened(address, SOCK_STREAM)
    s.connect((address, 80))
    connections.append(s)

def ask(s):
    try:
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n')
        answer = b''
        while not answer.endswith(b'\\n') or b'web-' not in answer:
            chunk = s.recv(65536)
            if not chunk:
                return 'closed'
            answer += chunk
        return answer.split()[-1].decode()
    except OSError as error:
        return errno.errorcode[error.errno]

for line in sys.stdin:
    say([ask(s) for s in connections])
`

function open() {
  const addresses = [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]
  const { next, tell } = startPython<string[]>(lab, 'client', CLIENT, addresses, CONNECTIONS)
  return async () => {
    tell('ask')
    return (await next()) ?? []
  }
}

function backends(): number {
  return look(liveServices).flatMap(({ backends }) => backends).length
}

async function without(pod: string, then: () => Promise<void>): Promise<void> {
  const before = backends()
  const putBack = await takeAway(lab.podFile(pod))
  await settled(`${pod} is gone`, () => backends() < before)
  await then()
  await putBack()
  await settled(`${pod} is back`, () => backends() === before)
}

t.test('by default all go on', async t => {
  const ask = open()
  const before = await ask()
  t.ok(before.filter(pod => pod === GONE).length > 2, before.join(' '))
  await without(GONE, async () => {
    await sleep(WITHIN_MS)
    t.same(await ask(), before)
  })
})

t.test('with destroyTcp those to the backend that is gone are reset, and no others', async t => {
  await restart('node1', { destroyTcp: true })
  const ask = open()
  const before = await ask()
  t.ok(before.filter(pod => pod === GONE).length > 2, before.join(' '))
  await without(GONE, async () => {
    await sleep(WITHIN_MS)
    const after = await ask()
    t.same(
      after,
      before.map(pod => (pod === GONE ? 'ECONNABORTED' : pod)),
    )
  })
})

t.test('those that an earlier agent had left go on until one is told otherwise', async t => {
  await restart('node1', { destroyTcp: false })
  const ask = open()
  const before = await ask()
  await without(GONE, async () => {
    await sleep(WITHIN_MS)
    t.same(await ask(), before)
    await restart('node1', { destroyTcp: true })
    await sleep(WITHIN_MS)
    t.same(
      await ask(),
      before.map(pod => (pod === GONE ? 'ECONNABORTED' : pod)),
    )
  })
})

t.test('sockets that a killed agent has left are found by the next one', async t => {
  const ask = open()
  const before = await ask()
  await lab.stopAgent('node1', 'SIGKILL')
  const putBack = await takeAway(lab.podFile(GONE))
  t.same(await ask(), before, 'without an agent all go on')
  await lab.startAgent('node1', { config: { destroyTcp: true } })
  await sleep(WITHIN_MS)
  t.same(
    await ask(),
    before.map(pod => (pod === GONE ? 'ECONNABORTED' : pod)),
  )
  await putBack()
})
