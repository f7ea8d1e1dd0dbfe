// SPDX-License-Identifier: Apache-2.0
/** The rules that Evenkeel is compared with do what a kube-proxy's do, among other Services, in each of the ways to load them. */
import t, { type Test } from 'tap'
import { startExchange } from '../../bench/exchange.ts'
import { hasLegacyIptables, iptables, type Means, nftables } from '../../bench/means.ts'
import { AT_NODE_PORT, CLIENT, POD_PORT, SERVER } from '../../bench/peer-scene.ts'
import { upLab } from '../../lab/up.ts'

t.setTimeout(60_000)

const { topology, tested, service } = AT_NODE_PORT
const lab = await upLab({ name: `k${process.pid}`, topology, agents: false })
t.teardown(() => lab.down())
const { ask } = await startExchange(lab, CLIENT, [SERVER], [POD_PORT])
const nodePort = service(lab)
const { clusterIP, port } = tested(lab)[0]!

/** From outside at the nodePort, and from the node at the clusterIP. */
async function served(): Promise<readonly boolean[]> {
  const common = { protocol: 'http', timeout: 1_000 } as const
  const dialled = await Promise.all([
    lab.dial(CLIENT, { ...common, ...nodePort }),
    lab.dial('node1', { ...common, address: clusterIP, port }),
  ])
  return dialled.map(([one]) => one!.error === undefined)
}

interface Tool {
  /** Prints what is there. */
  readonly list: readonly string[]
  readonly remove: readonly string[]
}

const NFT: Tool = { list: ['nft', 'list', 'ruleset'], remove: ['nft', 'flush', 'ruleset'] }
const LEGACY: Tool = { list: ['iptables-legacy-save'], remove: ['iptables-legacy', '-t', 'nat', '-F'] }

async function check(t: Test, means: Means, { list, remove }: Tool): Promise<void> {
  const lines = async () => (await lab.exec('node1', list)).stdout.split('\n').length
  t.same(await served(), [false, false], 'nobody serves before')
  await means.serve(lab, 20, tested(lab))
  t.same(await served(), [true, true])
  const { p50 } = await ask('datagram', SERVER, nodePort, 5)
  t.ok(p50 > 0, 'UDP is answered, too')
  const before = await lines()
  await means.serve(lab, 20, tested(lab))
  t.same(await served(), [true, true], 'and when they are loaded again')
  t.equal(await lines(), before, 'in the place of those that were there')
  await lab.exec('node1', remove)
}

t.test('nftables rules', t => check(t, nftables('nft'), NFT))
t.test('iptables rules over nf_tables', t => check(t, iptables('nft', 'nft'), NFT))
if (hasLegacyIptables()) t.test('iptables rules over xtables', t => check(t, iptables('legacy', 'legacy'), LEGACY))
