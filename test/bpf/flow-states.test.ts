// SPDX-License-Identifier: Apache-2.0
/** A TCP flow goes from opening over established and half closed to closing, in both of its entries; a SYN begins it anew. */
import t, { type Test } from 'tap'
import { Dir, FlowFlag, FlowState } from '../../agent/kernel/layout.gen.ts'
import { type Case, frameBetween, TCP4, TCP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { backendOf, flowOf, tupleOf } from './tuples.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

const { OPENING, ESTABLISHED, HALF_CLOSED, CLOSING } = FlowState

let nextPort = 20_000

interface Connection {
  readonly client: Endpoint
  /** "> S" is a SYN of the client, "< SA" an answer of the backend. */
  readonly send: (packet: string) => void
  /** Of both entries; they must agree. */
  readonly state: () => number
}

function connection(t: Test, test: Case): Connection {
  const client = { ...test.client, port: nextPort++ }
  const backend = () => backendOf(flowOf(dataplane, test, client)!)
  return {
    client,
    send(packet) {
      const [way, flags = ''] = packet.split(' ')
      if (way === '>') dataplane.run('tc_pod_ingress', frameBetween(test, client, test.vip, { flags }))
      else dataplane.run('tc_pod_egress', frameBetween(test, backend(), client, { flags }))
    },
    state() {
      const forward = flowOf(dataplane, test, client)!
      const reply = dataplane.flows.lookup(tupleOf(test, backend(), client, Dir.LEAVE))!
      t.equal(reply.state, forward.state, 'both entries have the same state')
      t.equal(reply.flags, forward.flags ^ FlowFlag.REPLY, 'and the same flags but for the direction')
      return forward.state
    },
  }
}

const STORIES: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  'the client closes first': [
    ['> S', OPENING],
    ['< SA', ESTABLISHED],
    ['> A', ESTABLISHED],
    ['> PA', ESTABLISHED],
    ['< A', ESTABLISHED],
    ['> FA', HALF_CLOSED],
    ['< A', HALF_CLOSED],
    ['< PA', HALF_CLOSED],
    ['< FA', CLOSING],
    ['> A', CLOSING],
  ],
  'the backend closes first': [
    ['> S', OPENING],
    ['< SA', ESTABLISHED],
    ['< FA', HALF_CLOSED],
    ['> PA', HALF_CLOSED],
    ['> FA', CLOSING],
    ['< A', CLOSING],
  ],
  'the client resets': [
    ['> S', OPENING],
    ['< SA', ESTABLISHED],
    ['> R', CLOSING],
  ],
  'the backend refuses': [
    ['> S', OPENING],
    ['< RA', CLOSING],
  ],
  'a repeated SYN': [
    ['> S', OPENING],
    ['> S', OPENING],
    ['< SA', ESTABLISHED],
    ['> S', ESTABLISHED],
  ],
  'a repeated FIN is one FIN': [
    ['> S', OPENING],
    ['< SA', ESTABLISHED],
    ['> FA', HALF_CLOSED],
    ['> FA', HALF_CLOSED],
    ['< A', HALF_CLOSED],
  ],
}

for (const test of [TCP4, TCP6]) {
  const backends = [1, 2, 3].map(test.backend)
  const service = addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends })

  t.test(test.name, async t => {
    for (const [what, packets] of Object.entries(STORIES)) {
      const { send, state } = connection(t, test)
      for (const [packet, expected] of packets) {
        send(packet)
        t.equal(state(), expected, `${what}: ${packet}`)
      }
    }
  })

  t.test(`${test.name}: a SYN on a closing flow begins a new one, on the port that it had`, async t => {
    for (const end of [['> FA', '< FA'], ['> R']]) {
      const { send, state, client } = connection(t, test)
      for (const packet of ['> S', '< SA', ...end]) send(packet)
      t.equal(state(), CLOSING)
      const connections = () => dataplane.counters.sum(service.id)!.connections
      const before = connections()
      send('> S')
      t.equal(state(), OPENING, `after ${end.join(' ')}`)
      t.equal(connections() - before, 1n, 'counted as a new connection')
      t.equal(flowOf(dataplane, test, client)!.sport, client.port)
      send('< SA')
      t.equal(state(), ESTABLISHED)
    }
  })

  t.test(`${test.name}: a connection has one entry until it is answered, however often the client knocks`, async t => {
    const { send, client } = connection(t, test)
    const connections = () => dataplane.counters.sum(service.id)!.connections
    const before = connections()
    send('> S')
    const backend = backendOf(flowOf(dataplane, test, client)!)
    const forward = () => dataplane.flows.lookup(tupleOf(test, client, test.vip))
    const reply = () => dataplane.flows.lookup(tupleOf(test, backend, client, Dir.LEAVE))
    t.equal(forward(), undefined, 'none for the client')
    t.equal(reply()?.state, OPENING, 'one for the reply')
    send('> S')
    t.equal(forward(), undefined, 'the same after another SYN')
    t.equal(connections() - before, 1n, 'which is counted once')
    send('< SA')
    t.equal(forward()?.state, ESTABLISHED, 'both after the answer')
    t.same(backendOf(forward()!), backend)
  })

  t.test(`${test.name}: packets of an unknown connection are taken up as established`, async t => {
    const { send, state } = connection(t, test)
    send('> PA')
    t.equal(state(), ESTABLISHED)
  })

  t.test(`${test.name}: an entry that memory pressure took comes back with the next packet of its partner`, async t => {
    const { send, state, client } = connection(t, test)
    for (const packet of ['> S', '< SA']) send(packet)
    const backend = backendOf(flowOf(dataplane, test, client)!)
    t.ok(dataplane.flows.delete(tupleOf(test, backend, client, Dir.LEAVE)))
    send('> FA')
    t.equal(state(), HALF_CLOSED, 'the reply entry is back')
    t.ok(dataplane.flows.delete(tupleOf(test, client, test.vip)))
    dataplane.run('tc_pod_egress', frameBetween(test, backend, client, { flags: 'FA' }))
    t.equal(state(), CLOSING, 'the forward entry is back')
    t.same(backendOf(flowOf(dataplane, test, client)!), backend)
  })
}
