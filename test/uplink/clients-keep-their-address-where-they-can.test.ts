// SPDX-License-Identifier: Apache-2.0
/** A nodePort serves from outside on every node: a backend of that node sees the client, one of another node sees the node. */
import { FAMILIES, PROTOCOLS, prove, seen } from './fixture.ts'
import { service } from './manifests.ts'

const HERE = 30_100
const THERE = 30_110
const manifests = {
  here: [service({ name: 'here', nodePort: HERE, selector: { pod: 'here' } })],
  there: [service({ name: 'there', nodePort: THERE, selector: { pod: 'there' } })],
}

const scenarios = FAMILIES.flatMap(family =>
  PROTOCOLS.map(
    protocol =>
      [
        `${protocol} over ${family}`,
        async (t: import('./fixture.ts').Test, cluster: import('./fixture.ts').Cluster) => {
          const udp = protocol === 'udp' ? 1 : 0
          const node = cluster.address('node1', family)
          const client = cluster.address('outside', family)
          const here = await cluster.dial(node, HERE + udp, { protocol, count: 5 })
          t.same(here.map(seen), Array(5).fill(`here ${client}`), 'a backend of this node sees the client')
          t.ok(
            here.every(({ from }) => from === `${node} ${HERE + udp}`),
            'replies come from where it dialled',
          )
          const there = await cluster.dial(node, THERE + udp, { protocol, count: 5 })
          t.same(there.map(seen), Array(5).fill(`there ${node}`), 'a backend of another node sees this one')
          t.ok(
            there.every(({ from }) => from === `${node} ${THERE + udp}`),
            'replies come from where it dialled',
          )
        },
      ] as const,
  ),
)

// Pods' own packets may go through programs, too: these must not meddle.
for (const podPath of ['socket', 'packet']) prove({ manifests, config: { podPath } }, Object.fromEntries(scenarios))
