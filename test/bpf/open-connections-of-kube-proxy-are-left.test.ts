// SPDX-License-Identifier: Apache-2.0
/** Connections that were open before, through a kube-proxy's rules: the kernel translates them, and we must not. */
import t from 'tap'
import { PROTO } from '../packet/protocol.ts'
import { CASES, frameBetween } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService, type Endpoint } from './services.ts'
import { flowOf, tupleOf } from './tuples.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

for (const test of CASES.filter(({ proto }) => proto === PROTO.TCP))
  t.test(`${test.name}: the middle of one is left to the stack, a new one is not`, async t => {
    const vip = { ...test.vip, port: 7100 }
    addService(dataplane, { frontends: [{ ...vip, proto: test.proto }], backends: [test.backend(1)] })
    const client = { ...test.client, port: 30_001 }
    const send = (from: Endpoint, flags: string) =>
      dataplane.run('tc_pod_ingress', frameBetween(test, from, vip, { flags }))
    const middle = frameBetween(test, client, vip, { flags: 'A' })

    dataplane.foreign.update(tupleOf(test, client, vip), 1)
    const left = send(client, 'A')
    t.same(left.frame, middle, 'as it came')
    t.equal(flowOf(dataplane, test, client, vip), undefined, 'and nothing is noted')

    t.notSame(send({ ...client, port: 30_002 }, 'A').frame, middle, 'one that is not tracked is picked up')

    send(client, 'S')
    t.ok(flowOf(dataplane, test, client, vip), 'a SYN begins a flow of ours')
    dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), client, { flags: 'SA' }))
    t.notSame(send(client, 'A').frame, middle, 'which goes on as one')
  })
