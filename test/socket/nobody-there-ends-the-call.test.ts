// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FAMILIES, service, vip } from '../services/manifests.ts'
import { clusterFor, type Test } from './cluster.ts'
import { python } from './python.ts'

const AT_ONCE_MS = 50
const TRIES = 9
const EMPTY = 2
const LOCAL = 3
const { lab, look } = await clusterFor(t, {
  manifests: [
    service(),
    service({ name: 'empty', number: EMPTY, spec: { selector: { app: 'nothing' } } }),
    service({ name: 'local', number: LOCAL, spec: { selector: { pod: 'web-2' }, internalTrafficPolicy: 'Local' } }),
  ],
})

const CALLS = `
address, port, tries = map(json.loads, sys.argv[1:])
for i in range(tries):
    say(['connect TCP'] + ended(opened(address, SOCK_STREAM).connect, (address, port)))
    say(['connect UDP'] + ended(opened(address, SOCK_DGRAM).connect, (address, port)))
    say(['sendto'] + ended(opened(address, SOCK_DGRAM).sendto, b'ping', (address, port)))
    say(['sendmsg'] + ended(opened(address, SOCK_DGRAM).sendmsg, [b'ping'], [], 0, (address, port)))
`

type Call = readonly [call: string, error: string, ms: number]

async function calls(where: string, address: string, port: number): Promise<Call[]> {
  return python<Call>(lab, where, CALLS, address, port, TRIES)
}

/** The median: a busy machine may stop any process for a while. */
function endAlike(t: Test, all: readonly Call[], error: string): void {
  for (const name of new Set(all.map(([call]) => call))) {
    const ofName = all.filter(([call]) => call === name)
    t.same(new Set(ofName.map(([, error]) => error)), new Set([error]), name)
    const median = ofName.map(([, , ms]) => ms).toSorted((a, b) => a - b)[TRIES >> 1]!
    t.ok(median < AT_ONCE_MS, `${name}: ${error} after ${median} ms`)
  }
}

for (const where of ['client', 'node1'])
  for (const family of FAMILIES)
    t.test(`${where}, ${family}`, async t => {
      t.test('a Service without endpoints refuses', async t =>
        endAlike(t, await calls(where, vip(EMPTY, family), 80), 'ECONNREFUSED'),
      )
      t.test('a clusterIP refuses a port that no Service has', async t =>
        endAlike(t, await calls(where, vip(1, family), 81), 'ECONNREFUSED'),
      )
      t.test('policy Local without an endpoint here: unreachable', async t =>
        endAlike(t, await calls(where, vip(LOCAL, family), 80), 'EHOSTUNREACH'),
      )
    })

t.test('IPv4 from an IPv6 socket', async t => {
  endAlike(t, await calls('client', `::ffff:${vip(EMPTY)}`, 80), 'ECONNREFUSED')
  endAlike(t, await calls('client', `::ffff:${vip(LOCAL)}`, 80), 'EHOSTUNREACH')
})

t.test('each is counted by its reason', async t => {
  const { stdout } = await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])
  const each = 4 * TRIES
  t.same(JSON.parse(stdout).rejected, {
    NO_ENDPOINTS: 5 * each,
    NO_SUCH_PORT: 4 * each,
    NO_LOCAL_ENDPOINTS: 5 * each,
  })
  t.same(
    look(({ flows }) => [...flows.entries()].length),
    0,
  )
})
