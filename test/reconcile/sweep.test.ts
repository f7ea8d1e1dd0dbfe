// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { addressBytes } from '../../agent/kernel/address.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { ClientKind, Dir, type Flow, FlowFlag, FlowState, SockFlag, type Tuple } from '../../agent/kernel/layout.gen.ts'
import type { Dataplane } from '../../agent/reconcile/dataplane.ts'
import { type Reconciler, reconciler } from '../../agent/reconcile/reconciler.ts'
import { sweep } from '../../agent/reconcile/sweep.ts'
import { backends, desired, fixture, frontend, liveBackend, service } from './fixture.ts'

const { open, remove } = fixture('sweep')
t.teardown(remove)

const TIMEOUTS = { opening: 60, established: 86_400, halfClosed: 3_600, closing: 10, datagram: 120 }
const LIMITS = { OPENING: 60, ESTABLISHED: 86_400, HALF_CLOSED: 3_600, CLOSING: 10, DATAGRAM: 120 } as const
/** Far from the start of the clock, so that every age can be had. Seconds. */
const NOW = 1_000_000

const dataplane = open()
const maps = reconciler(dataplane)
const clock = () => BigInt(NOW) * 1_000_000_000n

interface Pair {
  readonly port: number
  readonly state: keyof typeof LIMITS
  /** Seconds since the last packet, each way. */
  readonly age: readonly [forward: number, reply: number]
}

/** Both entries of a flow from 10.244.0.200 to the first backend, as bpf/flow.h stores them. */
function putFlow(plane: Dataplane, live: Reconciler, { port, state, age }: Pair): readonly [Tuple, Tuple] {
  const owner = live.live.ports.get('default/web:http/TCP')
  const backend = liveBackend(plane, live, 'web', 1)
  const [client, vip, pod] = ['10.244.0.200', '10.96.0.10', '10.244.0.1'].map(addressBytes) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const proto = state === 'DATAGRAM' ? 17 : 6
  const forward = { saddr: client, daddr: vip, sport: port, dport: 80, proto, dir: Dir.ENTER }
  const reply = { saddr: pod, daddr: client, sport: 8080, dport: port, proto, dir: Dir.LEAVE }
  const common = {
    service: owner?.id ?? 0,
    backend: backend.id,
    generation: backend.generation,
    state: FlowState[state],
  }
  const seen = (seconds: number) => BigInt(NOW - seconds) * 1_000_000_000n
  const there: Flow = {
    ...common,
    tick: 0,
    saddr: client,
    daddr: pod,
    sport: port,
    dport: 8080,
    seen: seen(age[0]),
    flags: 0,
  }
  const back: Flow = {
    ...common,
    tick: 0,
    saddr: vip,
    daddr: client,
    sport: 80,
    dport: port,
    seen: seen(age[1]),
    flags: FlowFlag.REPLY,
  }
  plane.flows.update(forward, there)
  plane.flows.update(reply, back)
  return [forward, reply]
}

const NOBODY = addressBytes('::')
const EMPTY: Flow = {
  ...{ saddr: NOBODY, daddr: NOBODY, sport: 0, dport: 0, service: 0, backend: 0, generation: 0 },
  ...{ seen: 0n, state: 0, flags: 0, tick: 0 },
}

function present(tuples: readonly Tuple[]): number {
  return tuples.filter(tuple => dataplane.flows.lookup(tuple)).length
}

t.test('a flow goes when both directions have been silent for the time of its state', async t => {
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1))), true)
  const states = Object.keys(LIMITS) as (keyof typeof LIMITS)[]
  const cases = states.map((state, i) => {
    const limit = LIMITS[state]
    return {
      state,
      expired: putFlow(dataplane, maps, { port: 1_000 + i, state, age: [limit + 2, limit + 2] }),
      young: putFlow(dataplane, maps, { port: 2_000 + i, state, age: [limit - 2, limit - 2] }),
      oneWay: putFlow(dataplane, maps, { port: 3_000 + i, state, age: [limit + 2, 1] }),
    }
  })
  const swept = await sweep(dataplane, maps, TIMEOUTS, clock)
  for (const { state, expired, young, oneWay } of cases) {
    t.equal(present(expired), 0, `${state}: both entries are gone`)
    t.equal(present(young), 2, `${state}: two seconds before its time both are there`)
    t.equal(present(oneWay), 2, `${state}: packets in one direction keep both`)
  }
  t.equal(swept.flowsLeft, 4 * states.length)
})

t.test('when the backend goes, datagram flows go at once and TCP keeps its own', async t => {
  const udp = putFlow(dataplane, maps, { port: 4_000, state: 'DATAGRAM', age: [0, 0] })
  const tcp = putFlow(dataplane, maps, { port: 4_001, state: 'ESTABLISHED', age: [0, 0] })
  const gone = liveBackend(dataplane, maps, 'web', 1).id
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(2))), false)
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.equal(present(udp), 0)
  t.equal(present(tcp), 2)
  t.ok(maps.backends.resting().includes(gone), 'the id rests while a flow names it')
  for (const tuple of [...dataplane.flows.entries()].map(([tuple]) => tuple)) dataplane.flows.delete(tuple)
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.notOk(maps.backends.resting().includes(gone), 'and is free when none does')
})

t.test('where few flows may be forged, programs are spared the look at the oldest for a while', async t => {
  const { rings, ringSlots } = dataplane
  const cpus = bridge.possibleCpus()
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2))), false)
  const spared = async () => {
    await sweep(dataplane, maps, TIMEOUTS, clock)
    return rings.read(0).clearFrom
  }
  rings.write(0, { opened: 7, clearFrom: 0 })
  t.equal(await spared(), 7 + Math.floor(ringSlots / 2))
  const replies = Array.from(
    { length: cpus },
    (_, i) => putFlow(dataplane, maps, { port: 5_000 + i, state: 'DATAGRAM', age: [0, 0] })[1],
  )
  t.equal(await spared(), 7 + Math.floor(ringSlots / 2) - 1, 'each one in the way counts once')
  for (const key of replies)
    dataplane.flows.update(key, { ...dataplane.flows.lookup(key)!, flags: FlowFlag.REPLY | FlowFlag.ASSURED })
  t.equal(await spared(), 7 + Math.floor(ringSlots / 2), 'one that is assured does not')
  dataplane.flows.deleteMany([...dataplane.flows.entries()].map(([key]) => key))
  for (let i = 0; i < cpus * ringSlots; i++)
    dataplane.flows.update(
      { ...replies[0]!, dport: 10_000 + i },
      { ...EMPTY, seen: clock(), flags: FlowFlag.REPLY, state: FlowState.OPENING },
    )
  t.equal(await spared(), 7, 'and where there are many nobody is spared')
  dataplane.flows.deleteMany([...dataplane.flows.entries()].map(([key]) => key))
})

t.test('affinity goes with its time, its backend and its Service', async t => {
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1, 2), { affinitySeconds: 60 })), false)
  const owner = maps.live.ports.get('default/web:http/TCP')
  const put = (host: number, backendHost: number, age: number) => {
    const backend = liveBackend(dataplane, maps, 'web', backendHost)
    const key = { client: addressBytes(`10.244.1.${host}`), service: owner?.id ?? 0, kind: ClientKind.ADDR }
    const used = BigInt(NOW - age) * 1_000_000_000n
    dataplane.affinity.update(key, { backend: backend.id, generation: backend.generation, used })
    return key
  }
  const [old, young, left] = [put(1, 1, 61), put(2, 1, 59), put(3, 2, 1)]
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(1), { affinitySeconds: 60 })), false)
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.notOk(dataplane.affinity.lookup(old), 'its time is over')
  t.ok(dataplane.affinity.lookup(young), 'still fresh')
  t.notOk(dataplane.affinity.lookup(left), 'its backend is gone')
  maps.apply(new Map([['default/web', undefined]]), false)
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.notOk(dataplane.affinity.lookup(young), 'its Service is gone')
})

t.test('what an unconnected socket was given goes with the backend; a connected one keeps its name', async t => {
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(5))), false)
  const { sockets } = dataplane
  if (!sockets) throw new Error('the fixture opens the socket maps')
  const owner = maps.live.ports.get('default/web:http/TCP')
  const backend = liveBackend(dataplane, maps, 'web', 5)
  const entry = {
    addr: addressBytes('10.96.0.10'),
    port: 80,
    service: owner?.id ?? 0,
    backend: backend.id,
    generation: backend.generation,
  }
  const keys = [1n, 2n].map(cookie => ({ cookie, addr: addressBytes('10.244.0.5'), port: 8080 }))
  sockets.orig.update(keys[0]!, { ...entry, flags: 0 })
  sockets.orig.update(keys[1]!, { ...entry, flags: SockFlag.CONNECTED })
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.equal([...sockets.orig.entries()].length, 2, 'both stay while the backend is there')
  maps.apply(desired(service('web', [frontend('10.96.0.10')], backends(6))), false)
  await sweep(dataplane, maps, TIMEOUTS, clock)
  t.notOk(sockets.orig.lookup(keys[0]!))
  t.ok(sockets.orig.lookup(keys[1]!))
})
