// SPDX-License-Identifier: Apache-2.0
/** When a backend goes, TCP flows keep it and UDP flows choose again with the next datagram. */
import t from 'tap'
import { BackendState, type Flow, Reason } from '../../agent/kernel/layout.gen.ts'
import { PROTO } from '../packet/protocol.ts'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type BackendFields, setBackend, setPool } from './services.ts'
import { backendOf, flowOf } from './tuples.ts'
import { isDropped, passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

let nextPort = 20_000

const GONE: BackendFields = { state: BackendState.FREE, pools: 0 }

const CHANGES: Readonly<Record<string, BackendFields>> = {
  draining: { state: BackendState.DRAINING, pools: 0 },
  replaced: { generation: 9 },
  gone: GONE,
}

/** Whether the flow's backend is there and is still the one that was chosen. */
function isUsable({ backend, generation }: Flow): boolean {
  const now = dataplane.backends.lookup(backend)
  return now !== undefined && now.state !== BackendState.FREE && now.generation === generation
}

for (const test of CASES) {
  const vip = { ...test.vip, port: 7000 }
  const members = [1, 2, 3, 4].map(test.backend)
  const fields = { frontends: [{ ...vip, proto: test.proto }], backends: members }
  const service = addService(dataplane, fields)
  const pool = members.map((member, i) => ({ ...member, id: service.backends[i]! }))

  /** A client whose open flow's backend has left the pool and changed since. */
  function clientOfChanged(change: BackendFields) {
    const client = { ...test.client, port: nextPort++ }
    dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
    const flow = flowOf(dataplane, test, client, vip)!
    dataplane.run('tc_pod_egress', frameBetween(test, backendOf(flow), client, { flags: 'SA' }))
    const old = pool.find(({ id }) => id === flow.backend)!
    const others = pool.filter(member => member !== old)
    setPool(dataplane, service.id, fields, others)
    setBackend(dataplane, old.id, service.id, old, change)
    const putBack = () => {
      setPool(dataplane, service.id, fields, pool)
      setBackend(dataplane, old.id, service.id, old)
    }
    return { client, flow, putBack }
  }

  for (const [what, change] of Object.entries(CHANGES)) {
    const goesOn = test.proto === PROTO.TCP || what === 'draining'

    t.test(`${test.name}: backend ${what}, the flow ${goesOn ? 'goes on' : 'gets another one'}`, async t => {
      for (let n = 0; n < 20; n++) {
        const { client, flow, putBack } = clientOfChanged(change)
        const next = dataplane.run('tc_pod_ingress', frameBetween(test, client, vip, { flags: 'A' }))
        const after = flowOf(dataplane, test, client, vip)!
        passesAs(t, next, frameBetween(test, client, backendOf(after), { flags: 'A' }), `flow ${n}`)
        if (goesOn) t.same(backendOf(after), backendOf(flow), 'the same backend')
        else t.ok(isUsable(after), 'a backend that is there')
        putBack()
      }
    })
  }

  if (test.proto === PROTO.TCP) {
    t.test(`${test.name}: a SYN to a backend that is gone begins a new flow`, async t => {
      const { client, putBack } = clientOfChanged(GONE)
      dataplane.run('tc_pod_ingress', frameBetween(test, client, vip))
      t.ok(isUsable(flowOf(dataplane, test, client, vip)!))
      putBack()
    })
  }

  t.test(`${test.name}: a table that names a backend which is gone drops and counts`, async t => {
    const only = { ...test.vip, port: 7001 }
    const lonely = addService(dataplane, { frontends: [{ ...only, proto: test.proto }], backends: [test.backend(9)] })
    setBackend(dataplane, lonely.backends[0]!, lonely.id, test.backend(9), GONE)
    const before = dataplane.reason(Reason.BACKEND_STALE)
    isDropped(t, dataplane.run('tc_pod_ingress', frameBetween(test, test.client, only)), 'no backend')
    t.equal(dataplane.reason(Reason.BACKEND_STALE) - before, 1n, 'counted')
    t.equal(flowOf(dataplane, test, test.client, only), undefined, 'no flow is left behind')
  })
}
