// SPDX-License-Identifier: Apache-2.0
/** docs/migrate.md, step by step, with a kube-proxy that works in mode iptables. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import type { Found } from '../agent/cli/migrate.ts'
import type { Dialled, DialOptions } from '../lab/dial.ts'
import { upLab } from '../lab/up.ts'
import { node, service, slice } from '../test/kubernetes/objects.ts'
import { type KubeProxy, startKubeProxy, untilSynced, versionOf } from './kube-proxy.ts'
import { program } from './programs.ts'

t.setTimeout(120_000)

const NODE = 'node1'
const VIP = '10.96.0.10'
const NODE_PORT = 30_080
const POD_PORT = 9376
/** Longer than all that is done meanwhile. */
const SECONDS = 30
const LONG = { path: `/trickle/100000?seconds=${SECONDS}`, timeout: (SECONDS + 20) * 1_000, count: 2, parallel: 2 }

const saved = mkdtempSync(join(tmpdir(), 'ek-real-migrate-'))
process.on('exit', () => rmSync(saved, { recursive: true, force: true }))

const web = ['here', 'there'].map((name, i) => ({ name, node: `node${i + 1}`, labels: { app: 'web' } }))
const PORTS = [
  { name: 'http', port: 80, protocol: 'TCP', targetPort: POD_PORT, nodePort: NODE_PORT },
  { name: 'udp', port: 80, protocol: 'UDP', targetPort: POD_PORT, nodePort: NODE_PORT },
]
const at = (clusterIP: string) => ({ clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'] })
const SERVICE = service('web', { ...at(VIP), type: 'NodePort', selector: { app: 'web' }, ports: PORTS })
/** Refused by kube-proxy's rules, and so by ours. */
const EMPTY = service('empty', { ...at('10.96.0.11'), ports: [{ name: '', port: 80, protocol: 'TCP' }] })

const lab = await upLab({
  name: `m${process.pid}`,
  topology: {
    nodes: [{ name: NODE }, { name: 'node2' }],
    pods: [...web.map(pod => ({ ...pod, serve: 'hostnames' as const })), { name: 'client', node: NODE }],
    outside: ['user'],
  },
  manifests: { 'web.yaml': [SERVICE, EMPTY].map(object => stringify(object)).join('---\n') },
})
t.teardown(() => lab.down())
await lab.stopAgent(NODE)
await lab.exec(NODE, ['evenkeel', 'cleanup'])

const slices = slice('web-1', [], {
  ports: [
    { name: 'http', port: POD_PORT, protocol: 'TCP' },
    { name: 'udp', port: POD_PORT, protocol: 'UDP' },
  ],
  endpoints: web.map(({ name, node }) => ({
    addresses: [lab.address(name)],
    conditions: { ready: true },
    nodeName: node,
  })),
})
const address = lab.plan.nodes[0]!.addresses.v4
const binary = program('KUBE_PROXY')
const options = {
  ...{ lab, node: NODE, binary, mode: 'iptables' as const },
  objects: [SERVICE, EMPTY, slices, node(NODE, 'z1', address)],
  config: { clusterCIDR: '10.244.0.0/16', detectLocalMode: 'ClusterCIDR' },
}

async function start(): Promise<KubeProxy> {
  const proxy = await startKubeProxy(options)
  await untilSynced(options, proxy)
  return proxy
}

/** From a pod, from the node and from outside. */
async function dial(more: Partial<DialOptions> = {}): Promise<readonly Dialled[]> {
  const common = { protocol: 'http', count: 10, timeout: 2_000, path: '/', ...more } as const
  const dialled = await Promise.all([
    lab.dial('node1/client', { ...common, address: VIP, port: 80 }),
    lab.dial(NODE, { ...common, address: VIP, port: 80 }),
    lab.dial('user', { ...common, address, port: NODE_PORT }),
  ])
  return dialled.flat()
}

async function served(t: Test, what: string): Promise<void> {
  for (const protocol of ['http', 'udp'] as const) {
    const dialled = await dial({ protocol })
    t.same(
      dialled.filter(({ error }) => error !== undefined),
      [],
      `${what}: ${protocol} is answered`,
    )
    t.same([...new Set(dialled.map(({ pod }) => pod))].sort(), ['here', 'there'], 'by both pods')
  }
  const [refused] = await lab.dial('node1/client', {
    protocol: 'http',
    address: '10.96.0.11',
    port: 80,
    timeout: 2_000,
  })
  t.equal(refused?.error, 'ECONNREFUSED', 'and what has no endpoint is refused')
}

const migrate = (...argv: string[]) => lab.exec(NODE, ['evenkeel', 'migrate', ...argv, '--save-to', saved])
const found = async (): Promise<Found> => JSON.parse((await migrate('check', '-o', 'json')).stdout)

/** Chains and rules of kube-proxy's names, without counters, in all tables of both kinds. */
async function rules(): Promise<readonly string[]> {
  const saves = ['iptables-nft-save', 'iptables-legacy-save', 'ip6tables-nft-save'].map(tool => lab.exec(NODE, [tool]))
  const lines = (await Promise.all(saves)).flatMap(({ stdout }) => stdout.split('\n'))
  return lines
    .filter(line => /KUBE-/.test(line))
    .map(line => line.replace(/ \[\d+:\d+\]$/, ''))
    .sort()
}

t.comment(`kube-proxy ${versionOf(binary)}`)
let proxy = await start()
let before: readonly string[] = []
const long: Promise<readonly Dialled[]>[] = []

t.test('kube-proxy serves', async t => {
  await served(t, 'by kube-proxy')
  long.push(dial(LONG))
  await sleep(500)
})

t.test('evenkeel serves beside it, and check says that it runs', async t => {
  await lab.startAgent(NODE)
  await served(t, 'beside kube-proxy')
  long.push(dial(LONG))
  await sleep(500)
  t.match((await found()).obstacles, [/^kube-proxy runs \(pid \d+: /])
  t.equal((await migrate('apply')).code, 1)
})

t.test('stopped, it leaves rules that can go', async t => {
  await proxy.stop()
  before = await rules()
  const { obstacles, leftovers } = await found()
  t.same(obstacles, [])
  t.same(
    leftovers.map(({ where }) => where),
    ['mangle', 'filter', 'nat'].map(table => `iptables-nft, table ${table}`),
  )
})

t.test('they go, and new connections open', async t => {
  const { code, stdout, stderr } = await migrate('apply')
  t.equal(code, 0, stderr)
  t.comment(stdout.trim())
  t.same(await rules(), [':KUBE-MARK-DROP -'], "what is the kubelet's stays")
  t.equal((await migrate('check')).stdout, 'Nothing of kube-proxy is left.\n')
  await served(t, 'after kube-proxy')
})

t.test('put back, they are as kube-proxy left them', async t => {
  const { code, stderr } = await migrate('back')
  t.equal(code, 0, stderr)
  t.same(await rules(), before)
  await served(t, 'beside the rules')
})

t.test('long connections of both have lived through all of it', async t => {
  for (const [i, name] of ["kube-proxy's", "evenkeel's"].entries())
    for (const outcome of await long[i]!)
      t.match(outcome, { bytes: 100_000, error: undefined }, `${name}: ${JSON.stringify(outcome)}`)
})

t.test('kube-proxy comes back and goes on with its rules', async t => {
  proxy = await start()
  t.teardown(() => proxy.stop())
  await lab.stopAgent(NODE)
  t.equal((await lab.exec(NODE, ['evenkeel', 'cleanup'])).code, 0)
  await served(t, 'by kube-proxy again')
  t.same(await rules(), before, 'and they are the same')
})
