// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import type { Node } from '../../agent/objects.ts'
import { nodeIPs } from '../../agent/reconcile/node-ips.ts'
import { servesNodePorts } from '../../agent/reconcile/node-port-addresses.ts'
import { readNode } from '../../agent/source/kubernetes/node.ts'
import { loadManifests } from '../../agent/source/manifests/load.ts'
import { makeFolder } from '../source/folder.ts'

/** "InternalIP 10.0.0.1" */
function object(...addresses: readonly string[]) {
  const status = addresses.map(text => {
    const [type = '', address = ''] = text.split(' ')
    return { type, address }
  })
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' }, status: { addresses: status } }
}

const STATUS = [
  'Hostname node1',
  'ExternalIP 203.0.113.1',
  'ExternalIP 2001:db8::1',
  'InternalIP 10.0.0.1',
  'InternalIP 10.0.0.2',
  'InternalDNS node1.local',
]

t.test('both sources give InternalIPs before ExternalIPs', async t => {
  const wanted = ['10.0.0.1', '10.0.0.2', '203.0.113.1', '2001:db8::1']
  t.same(readNode(object(...STATUS)).addresses, wanted)
  const { path } = makeFolder(t, { 'node.yaml': [object(...STATUS)] })
  t.same((await loadManifests([path])).nodes.get('node1')?.addresses, wanted)
})

t.test('the primary address, and that of the other family', async t => {
  const cases: readonly [status: readonly string[] | null, override: string, ips: readonly string[]][] = [
    [STATUS, '', ['10.0.0.1', '2001:db8::1']],
    [['InternalIP fd00::1', 'InternalIP 10.0.0.1'], '', ['fd00::1', '10.0.0.1']],
    [['ExternalIP 203.0.113.1', 'InternalIP fd00::1'], '', ['fd00::1', '203.0.113.1']],
    [['InternalIP 10.0.0.1', 'InternalIP 10.0.0.2'], '', ['10.0.0.1']],
    [['InternalIP 10.0.0.1', 'InternalIP fd00::1'], '192.0.2.1', ['192.0.2.1', 'fd00::1']],
    [['InternalIP 10.0.0.1', 'InternalIP fd00::1'], 'fd00:0::2', ['fd00::2', '10.0.0.1']],
    [['Hostname node1'], '', []],
    [null, '', []],
    [null, '10.0.0.9', ['10.0.0.9']],
  ]
  for (const [status, override, ips] of cases) {
    const node: Node | null = status && readNode(object(...status))
    t.same(nodeIPs(node, override), ips, `${status} ${override}`)
  }
})

const ADDRESSES = ['127.0.0.1', '::1', '10.0.0.1', '10.0.0.2', '192.0.2.1', 'fd00::1', 'fd00::2', 'fe80::1']
const IPV4 = ADDRESSES.filter(address => !address.includes(':'))
const IPV6 = ADDRESSES.filter(address => address.includes(':'))

t.test('nodePortAddresses', async t => {
  const cases: readonly [entries: readonly string[], primaries: readonly string[], served: readonly string[]][] = [
    [[], [], ADDRESSES],
    [['all'], [], ADDRESSES],
    [['0.0.0.0/0', '::/0'], [], ADDRESSES],
    [['0.0.0.0/0'], [], ADDRESSES],
    [['::/0'], [], ADDRESSES],
    // A family without an entry is not limited.
    [['10.0.0.0/8'], [], ['10.0.0.1', '10.0.0.2', ...IPV6]],
    [['fd00::/8'], [], [...IPV4, 'fd00::1', 'fd00::2']],
    [['10.0.0.0/8', '0.0.0.0/0', 'fd00::1/128'], [], [...IPV4, 'fd00::1']],
    [['10.0.0.1/32', 'fd00::1/128'], [], ['10.0.0.1', 'fd00::1']],
    [['203.0.113.0/24', '2001:db8::/32'], [], []],
    [['localhost'], [], ['127.0.0.1', '::1']],
    [['localhost', '192.0.2.0/24'], [], ['127.0.0.1', '::1', '192.0.2.1']],
    [['primary'], ['10.0.0.1', 'fd00::1'], ['10.0.0.1', 'fd00::1']],
    // Better than kube-proxy, which serves all of the other family, or all when nothing is known.
    [['primary'], ['10.0.0.1'], ['10.0.0.1']],
    [['primary'], [], []],
    [
      ['primary', '192.0.2.0/24'],
      ['10.0.0.1', 'fd00::1'],
      ['10.0.0.1', 'fd00::1', '192.0.2.1'],
    ],
    [['primary', 'localhost'], ['fd00::2'], ['127.0.0.1', '::1', 'fd00::2']],
  ]
  for (const [entries, primaries, served] of cases) {
    const serves = servesNodePorts(entries, primaries)
    t.same(ADDRESSES.filter(serves).toSorted(), served.toSorted(), `${entries} with ${primaries}`)
  }
})
