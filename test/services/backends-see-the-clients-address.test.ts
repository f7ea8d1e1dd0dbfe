// SPDX-License-Identifier: Apache-2.0
import type { Dialled } from '../../lab/dial.ts'
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { allAnswered, who } from './outcomes.ts'

/** Enough for each backend, of this node or the other, to have its part. */
const CONNECTIONS = 60

/** The server says "ADDRESS:PORT" or "[ADDRESS]:PORT" over HTTP, "ADDRESS PORT" over UDP. */
function seen({ answer = '' }: Dialled): string {
  const [, address, port] = /^\[?(.*?)\]?[: ](\d+)$/.exec(answer) ?? []
  return `${address} ${port}`
}

async function sourceIsKept(t: Test, { lab }: Cluster, from: string): Promise<void> {
  for (const family of FAMILIES)
    for (const protocol of ['http', 'udp'] as const) {
      const target = { protocol, address: vip(1, family), port: 80, path: '/client', count: CONNECTIONS }
      const outcomes = await lab.dial(from, target)
      allAnswered(t, outcomes, CONNECTIONS, `${protocol} over ${family}`)
      t.equal(who(outcomes).length, 3, 'by all three backends')
      const own = (outcome: Dialled) => `${lab.address(from, family)} ${outcome.to?.split(' ')[1]}`
      const changed = outcomes.filter(outcome => seen(outcome) !== own(outcome))
      t.same(changed, [], 'each saw the client’s own address and port')
    }
}

prove({
  'a client of the node of two backends': (t, cluster) => sourceIsKept(t, cluster, 'client'),
  'a client of the other node': (t, cluster) => sourceIsKept(t, cluster, 'stranger'),
})
