// SPDX-License-Identifier: Apache-2.0
/** test/bpf/open-connections-of-kube-proxy-are-left.test.ts for clients outside. */
import t from 'tap'
import { Scope } from '../../agent/kernel/layout.gen.ts'
import { frameBetween, TCP4, TCP6 } from '../bpf/cases.ts'
import { addService } from '../bpf/services.ts'
import { flowOf, tupleOf } from '../bpf/tuples.ts'
import { inOwnNetwork } from '../own-network.ts'
import { frameToUs, upUplink } from './one-uplink.ts'

if (inOwnNetwork(import.meta.filename)) {
  const { dataplane, enter } = upUplink()
  t.teardown(() => dataplane.close())

  for (const test of [TCP4, TCP6])
    t.test(`${test.name}: the middle of one goes up the stack as it came, others are picked up`, async t => {
      const vip = { ...test.vip, port: 7100 }
      addService(dataplane, {
        frontends: [{ ...vip, proto: test.proto, scope: Scope.EXTERNAL }],
        backends: [{ ...test.backend(1), local: true }],
      })
      const client = { ...test.client, port: 30_001 }
      const middle = frameToUs(test, client, vip, { flags: 'A' })
      dataplane.foreign.update(tupleOf(test, client, vip), 1)
      t.same(enter(middle).frame, middle)
      t.equal(flowOf(dataplane, test, client, vip), undefined, 'and nothing is noted')
      const other = frameToUs(test, { ...client, port: 30_002 }, vip, { flags: 'A' })
      t.notSame(enter(other).frame, other)
      enter(frameToUs(test, client, vip, { flags: 'S' }))
      dataplane.run('tc_uplink_egress', frameBetween(test, test.backend(1), client, { flags: 'SA' }))
      t.notSame(enter(middle).frame, middle, 'a SYN that was answered makes it ours')
    })
}
