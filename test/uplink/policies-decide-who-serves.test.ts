// SPDX-License-Identifier: Apache-2.0
/** externalTrafficPolicy Local serves from this node alone and drops when it has nobody; a Service with nobody at all refuses. */
import { Reason } from '../../agent/kernel/layout.gen.ts'
import { FAMILIES, PROTOCOLS, prove, seen, turnsAway } from './fixture.ts'
import { service } from './manifests.ts'

const BOTH = 30_300
const ELSEWHERE = 30_310
const NOBODY = 30_320
const local = { externalTrafficPolicy: 'Local' }

const manifests = {
  both: [service({ name: 'both', nodePort: BOTH, spec: local })],
  elsewhere: [service({ name: 'elsewhere', nodePort: ELSEWHERE, selector: { pod: 'there' }, spec: local })],
  nobody: [service({ name: 'nobody', nodePort: NOBODY, selector: { app: 'none' } })],
}

prove(
  { manifests },
  {
    'policy Local takes the backends of the node that was dialled': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const [node, pod] of [
          ['node1', 'here'],
          ['node2', 'there'],
        ] as const) {
          const outcomes = await cluster.dial(cluster.address(node, family), BOTH, { count: 10 })
          t.same(
            outcomes.map(seen),
            Array(10).fill(`${pod} ${cluster.address('outside', family)}`),
            `${node} ${family}`,
          )
        }
    },
    'policy Local without a backend here drops': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const [i, protocol] of PROTOCOLS.entries())
          await turnsAway(t, cluster, 'node1', Reason.NO_LOCAL_ENDPOINTS, async () => {
            const outcomes = await cluster.dial(cluster.address('node1', family), ELSEWHERE + i, {
              protocol,
              timeout: 400,
            })
            t.same(outcomes.map(seen), ['ETIMEDOUT'], `${protocol} over ${family}`)
          })
    },
    'nobody at all refuses at once': async (t, cluster) => {
      for (const family of FAMILIES)
        for (const [i, protocol] of PROTOCOLS.entries())
          await turnsAway(t, cluster, 'node1', Reason.NO_ENDPOINTS, async () => {
            const options = { protocol, connected: true }
            const [outcome] = await cluster.dial(cluster.address('node1', family), NOBODY + i, options)
            t.equal(outcome?.error, 'ECONNREFUSED', `${protocol} over ${family}`)
            t.ok(outcome!.ms < 500, `after ${outcome?.ms} ms`)
          })
    },
    'ports of nobody are left alone': async (t, cluster) => {
      const [closed] = await cluster.dial(cluster.address('node1'), 31_999)
      t.equal(closed?.error, 'ECONNREFUSED', "the node's own stack answers for its own ports")
    },
  },
)
