// SPDX-License-Identifier: Apache-2.0
/** node1's uplink is a VLAN device, node2's a bond of two: needs a kernel with 8021q and bonding. */
import type { Dialled } from '../lab/dial.ts'
import { FAMILIES, PROTOCOLS, prove } from '../test/uplink/fixture.ts'
import { service } from '../test/uplink/manifests.ts'

const PORT = 30_720
const COUNT = 16

/** Who answered, or what went wrong. */
function answers(outcomes: readonly Dialled[]): string[] {
  return [...new Set(outcomes.map(({ pod, error }) => pod ?? error ?? ''))].toSorted()
}

prove(
  {
    modes: ['off'],
    manifests: { web: [service({ nodePort: PORT })] },
    topology: {
      nodes: [
        { name: 'node1', uplink: 'vlan' },
        { name: 'node2', uplink: 'bond' },
      ],
      pods: [
        { name: 'here', node: 'node1' },
        { name: 'there', node: 'node2' },
      ].map(pod => ({ ...pod, labels: { app: 'web', pod: pod.name }, serve: 'hostnames' as const })),
    },
  },
  {
    'clients outside reach backends here and there, through either': async (t, { dial, address }) => {
      for (const node of ['node1', 'node2'])
        for (const family of FAMILIES)
          for (const [i, protocol] of PROTOCOLS.entries()) {
            const outcomes = await dial(address(node, family), PORT + i, { protocol, count: COUNT })
            t.same(answers(outcomes), ['here', 'there'], `${node}, ${family}, ${protocol}`)
          }
    },
    'a bond whose active port is gone serves through the other': async (t, { dial, address, ip, lab }) => {
      const { stdout } = await lab.exec('node2', ['ip', '-d', '-j', 'link', 'show', 'dev', 'bond0'])
      await ip('node2', `link set ${JSON.parse(stdout)[0].linkinfo.info_data.active_slave} down`)
      // Asked every 100 ms (miimon).
      await new Promise(resolve => setTimeout(resolve, 1000))
      const outcomes = await dial(address('node2'), PORT, { count: COUNT })
      t.same(answers(outcomes), ['here', 'there'])
    },
  },
)
