// SPDX-License-Identifier: Apache-2.0
/**
 * Connections that rules of kube-proxy's shape have sent to a backend go on when evenkeel comes. With a real kube-proxy:
 * test-apiserver/a-real-kube-proxy-is-taken-over.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { stringify } from 'yaml'
import { iptablesRules } from '../../bench/iptables-rules.ts'
import { upLab } from '../../lab/up.ts'
import { eventually } from '../eventually.ts'

t.setTimeout(90_000)

const VIP = '10.96.0.10'
const NODE_PORT = 30_080
const POD_PORT = 9376
const LONG = { protocol: 'http', path: '/trickle/100000?seconds=10', timeout: 40_000, count: 4, parallel: 4 } as const
const BACKENDS = ['here', 'there'].map((name, i) => ({
  ...{ name, node: `node${i + 1}`, labels: { app: 'web' }, serve: 'hostnames' as const },
}))
const PORT = { name: 'http', port: 80, targetPort: POD_PORT, nodePort: NODE_PORT }
const spec = { type: 'NodePort', clusterIP: VIP, selector: { app: 'web' }, ports: [PORT] }
const manifests = { 'web.yaml': stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec }) }

/** How many connections the kernel tracks in this network namespace. */
const TRACKED = '/proc/sys/net/netfilter/nf_conntrack_count'

t.test("open connections go on, new ones are evenkeel's", async t => {
  const topology = {
    nodes: [{ name: 'node1' }, { name: 'node2' }],
    pods: [...BACKENDS, { name: 'client', node: 'node1' }],
    ...{ outside: ['user'], xdp: true },
  }
  // Every program that picks up connections: at pods, at uplinks (tc), and before it XDP.
  const config = { podPath: 'packet', xdp: 'native' }
  const lab = await upLab({ name: `f${process.pid}`, topology, manifests, config })
  t.teardown(() => lab.down())
  await lab.stopAgent('node1')
  await lab.exec('node1', ['evenkeel', 'cleanup'])
  const endpoints = BACKENDS.map(({ name }) => ({ address: lab.address(name), port: POD_PORT }))
  const web = { name: 'default/web:http', isTested: true, clusterIP: VIP, protocol: 'tcp', port: 80 } as const
  const input = iptablesRules([{ ...web, nodePort: NODE_PORT, endpoints }])
  t.equal((await lab.exec('node1', ['iptables-nft-restore'], { input })).code, 0)
  const node = lab.plan.nodes[0]!.addresses.v4
  const dial = (more: object) =>
    Promise.all([
      lab.dial('user', { ...LONG, address: node, port: NODE_PORT, ...more }),
      lab.dial('node1/client', { ...LONG, address: VIP, port: 80, ...more }),
    ])
  const before = dial({})
  const tracked = async () => Number((await lab.exec('node1', ['cat', TRACKED])).stdout)
  t.ok(await eventually(async () => (await tracked()) >= 2 * LONG.count, 10_000), 'connections are open')
  await sleep(300)
  await lab.startAgent('node1')
  // Nobody but evenkeel serves from here on: kube-proxy's rules lead nowhere.
  await lab.exec('node1', ['iptables-nft', '-t', 'nat', '-F', 'KUBE-SERVICES'])
  for (const outcome of (await dial({ path: '/', count: 20 })).flat()) t.ok(outcome.pod, JSON.stringify(outcome))
  for (const outcome of (await before).flat()) t.equal(outcome.bytes, 100_000, JSON.stringify(outcome))
})
