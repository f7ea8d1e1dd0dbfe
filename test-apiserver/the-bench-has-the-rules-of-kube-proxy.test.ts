// SPDX-License-Identifier: Apache-2.0
/** bench/iptables-rules.ts beside what a real kube-proxy writes for the same ports. */
import t from 'tap'
import { startExchange } from '../bench/exchange.ts'
import { iptablesRules } from '../bench/iptables-rules.ts'
import { kubeProxies } from '../bench/kube-proxy.ts'
import { AT_NODE_PORT, CLIENT, POD_PORT, SERVER } from '../bench/peer-scene.ts'
import { proxiedPorts } from '../bench/proxied.ts'
import { upLab } from '../lab/up.ts'
import { program } from './programs.ts'

t.setTimeout(60_000)

const OTHERS = 20
const NODE = 'node1'

/** A rule with what differs from Service to Service left out, and comments, which no packet meets. */
function shapeOf(rule: string): string {
  return rule
    .replace(/ -m comment --comment (?:"[^"]*"|\S+)/, '')
    .replace(/KUBE-(SVC|SEP|EXT)-\w{16}/g, 'KUBE-$1')
    .replace(/-d [\d.]+\/32/, '-d VIP')
    .replace(/(?<!! )-s [\d.]+\/32/, '-s BACKEND')
    .replace(/--to-destination \S+/, '--to-destination BACKEND')
    .replace(/--dport \d+/, '--dport PORT')
}

/** Since 1.23: the mark for clients from elsewhere is the Service's chain's, and what comes from outside has a chain of its own. */
const SINCE_1_23 = [
  /^-A KUBE-SVC ! -s \S+ -d VIP -p (tcp|udp) -m \1 --dport PORT -j KUBE-MARK-MASQ$/,
  /^-A KUBE-NODEPORTS .* -j KUBE-EXT$/,
  /^-A KUBE-EXT -j KUBE-(MARK-MASQ|SVC)$/,
  // Health check ports, source ranges; and the kubelet's chain.
  /^-A (INPUT|FORWARD|OUTPUT) .*-j KUBE-(NODEPORTS|PROXY-FIREWALL|FIREWALL)$/,
]
/** What these have taken the place of. */
const UNTIL_1_23 = [
  /^-A KUBE-SERVICES ! -s \S+ -d VIP -p (tcp|udp) -m \1 --dport PORT -j KUBE-MARK-MASQ$/,
  /^-A KUBE-NODEPORTS .* -j KUBE-(MARK-MASQ|SVC)$/,
]

const lab = await upLab({ name: `k${process.pid}`, topology: AT_NODE_PORT.topology, agents: false })
t.teardown(() => lab.down())
// The backend's server.
await startExchange(lab, CLIENT, [SERVER], [POD_PORT])

async function shapes(): Promise<Set<string>> {
  const { stdout } = await lab.exec(NODE, ['iptables-save'])
  return new Set(
    stdout
      .split('\n')
      .filter(line => line.startsWith('-A'))
      .map(shapeOf),
  )
}

t.test('kube-proxy serves in the bench, and has the rules that the bench has', async t => {
  const means = kubeProxies(program('KUBE_PROXY')).at(-1)!
  t.comment(means.name)
  const tested = AT_NODE_PORT.tested(lab)
  await means.serve(lab, OTHERS, tested)
  t.teardown(() => means.end?.())
  const dialled = await Promise.all([
    lab.dial(CLIENT, { protocol: 'http', timeout: 1_000, ...AT_NODE_PORT.service(lab) }),
    lab.dial(NODE, { protocol: 'http', timeout: 1_000, address: tested[0]!.clusterIP, port: tested[0]!.port }),
  ])
  for (const [one] of dialled) t.equal(one!.error, undefined)
  const real = await shapes()
  await means.end?.()
  for (const command of ['iptables-nft', 'iptables-legacy'])
    for (const table of ['nat', 'filter', 'mangle']) await lab.exec(NODE, [command, '-t', table, '-F'])
  const { code, stderr } = await lab.exec(NODE, ['iptables-restore'], {
    input: iptablesRules(proxiedPorts(OTHERS, tested)),
  })
  t.equal(code, 0, stderr)
  const ours = await shapes()
  t.ok(ours.size > 20)
  const newer = (shape: string) => SINCE_1_23.some(pattern => pattern.test(shape))
  const older = (shape: string) => UNTIL_1_23.some(pattern => pattern.test(shape))
  const missing = (from: ReadonlySet<string>, to: ReadonlySet<string>) => [...from].filter(one => !to.has(one))
  const isNew = [...real].some(shape => /KUBE-EXT\b(?!-)/.test(shape))
  t.same(
    missing(ours, real).filter(shape => !(newer(shape) && !isNew)),
    [],
    'ours alone',
  )
  t.same(
    missing(real, ours).filter(shape => !older(shape) || isNew),
    [],
    "kube-proxy's alone",
  )
})
