// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { addressText } from '../../agent/kernel/address.ts'
import { nodeFile } from '../../lab/names.ts'
import { changeObject } from '../cluster.ts'
import { HTTP, service } from '../services/manifests.ts'
import { clusterFor } from '../socket/cluster.ts'

const NODE_PORT = 30080
const { lab, look, restart, log } = await clusterFor(t, {
  manifests: [service({ spec: { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] } })],
  config: { nodePortAddresses: ['primary'] },
})

const FIRST = ['172.31.0.1', 'fd00:31::1']
const SECOND = ['172.31.7.7', 'fd00:31:7::7']
for (const address of SECOND)
  await lab.exec('node1', ['ip', 'address', 'add', address, 'dev', 'lo', ...(address.includes(':') ? ['nodad'] : [])])

/** Gives the Node these addresses, as the kubelet would. */
async function report(addresses: readonly (readonly [type: string, address: string])[]): Promise<void> {
  const given = addresses.map(([type, address]) => ({ type, address }))
  await changeObject(join(lab.manifests, nodeFile('node1')), node => ({
    ...node,
    status: { ...node.status, addresses: given },
  }))
}

function inMaps(): string[] {
  return look(({ nodeAddrs }) => [...nodeAddrs.entries()].map(([bytes]) => addressText(bytes))).toSorted()
}

async function become(wanted: readonly string[]): Promise<void> {
  for (let i = 0; i < 300 && inMaps().join() !== wanted.toSorted().join(); i++) await sleep(10)
}

async function serves(t: Test, served: readonly string[], others: readonly string[]): Promise<void> {
  await become(served)
  t.same(inMaps(), served.toSorted())
  for (const address of [...served, ...others]) {
    const [outcome] = await lab.dial('client', { protocol: 'http', address, port: NODE_PORT })
    if (served.includes(address)) t.match(outcome?.pod, /^web-/, address)
    else t.match(outcome?.error, /ECONNREFUSED/, address)
  }
}

t.test("the Node's InternalIPs", t => serves(t, FIRST, SECOND))

t.test('the Node has others', async t => {
  await report([
    ['ExternalIP', FIRST[0]!],
    ['InternalIP', SECOND[1]!],
    ['InternalIP', SECOND[0]!],
  ])
  await serves(t, SECOND, FIRST)
})

t.test('an ExternalIP where there is no InternalIP of the family', async t => {
  await report([
    ['ExternalIP', FIRST[1]!],
    ['InternalIP', SECOND[0]!],
  ])
  await serves(t, [SECOND[0]!, FIRST[1]!], [FIRST[0]!, SECOND[1]!])
})

t.test('a family without an address is not served', async t => {
  await report([['InternalIP', FIRST[0]!]])
  await serves(t, [FIRST[0]!], [FIRST[1]!, ...SECOND])
})

t.test('an address that goes from its device and comes back', async t => {
  const address = (what: string) => lab.exec('node1', ['ip', 'address', what, SECOND[0]!, 'dev', 'lo'])
  await report([['InternalIP', SECOND[0]!]])
  await serves(t, [SECOND[0]!], [])
  await address('del')
  await serves(t, [], [FIRST[0]!])
  await address('add')
  await serves(t, [SECOND[0]!], [FIRST[0]!])
})

t.test('none at all: nothing serves, and the log says why', async t => {
  await report([['Hostname', 'node1']])
  await serves(t, [], [FIRST[0]!])
  const said = log('node1').filter(({ msg }) =>
    msg.startsWith('nodePortAddresses: primary: Node node1 is unknown or has no'),
  )
  t.equal(said.length, 1)
})

t.test('nodeIP counts more than the Node, and CIDRs and words add up', async t => {
  await restart('node1', { nodeIP: SECOND[1], nodePortAddresses: ['primary', 'localhost', '172.31.7.0/24'] })
  await become(['127.0.0.1', '::1', ...SECOND])
  t.same(inMaps(), ['127.0.0.1', '::1', ...SECOND].toSorted())
})

t.test('a CIDR of one family leaves the other one unlimited', async t => {
  await restart('node1', { nodePortAddresses: ['172.31.7.0/24'] })
  const [v4, v6] = [inMaps().filter(a => !a.includes(':')), inMaps().filter(a => a.includes(':'))]
  t.same(v4, [SECOND[0]])
  t.ok(v6.includes('::1') && v6.includes(FIRST[1]!) && v6.includes(SECOND[1]!))
})
