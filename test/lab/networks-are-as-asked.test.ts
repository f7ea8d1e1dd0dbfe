// SPDX-License-Identifier: Apache-2.0
/** Routers, small links, second networks, other uplinks, and pods that come and go while the lab is up. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { podFile } from '../../lab/names.ts'
import type { TopologyInput } from '../../lab/topology.ts'
import { upLab } from '../../lab/up.ts'
import { evenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

const name = `nw${process.pid}`
/** far -> edge -> core (a link of 1300 bytes) -> the nodes, which reach each other's pods over back (1400 bytes). */
const TOPOLOGY: TopologyInput = {
  networks: [{ name: 'fabric' }, { name: 'back', mtu: 1400 }],
  podNetwork: 'back',
  nodes: [{ name: 'node1', uplink: 'bridge', podMtu: 1350 }, { name: 'node2' }],
  routers: [
    { name: 'core', mtu: 1300 },
    { name: 'edge', network: 'core' },
  ],
  outside: ['near', { name: 'far', network: 'edge' }, { name: 'side', network: 'back' }],
  pods: [
    { name: 'one', node: 'node1' },
    { name: 'two', node: 'node2' },
  ],
  xdp: true,
}

/** Others come and go meanwhile; what iproute2 would make has these names. */
const made = () => ['ip', 'tc', 'xdp'].filter(folder => existsSync(join('/sys/fs/bpf', folder)))
const before = made()
const lab = await upLab({ name, topology: TOPOLOGY, agents: false })
t.teardown(() => lab.down())

async function ping(from: string, to: string, ...options: readonly string[]) {
  const { stdout } = await lab.exec(from, ['ping', '-n', '-c1', '-W1', ...options, to])
  return stdout
}

const PATHS = [
  ['far', ['172.31.0.1', 'fd00:31::2', '10.244.1.2', 'fd00:244:2::2'], 'through two routers'],
  ['side', ['172.31.1.1', 'fd00:31:1::2', '10.244.2.2'], 'on a second network'],
  ['one', ['10.244.2.2', 'fd00:244:2::2', '172.31.0.200', 'fd00:30:1::201'], 'from a pod behind a bridge'],
  ['near', ['172.31.0.1', 'fd00:31::1', '172.31.0.254'], 'on the first network'],
] as const

for (const [from, addresses, how] of PATHS)
  t.test(`${from} reaches ${addresses.length} addresses ${how}`, async t => {
    for (const address of addresses) t.match(await ping(from, address), /1 received/, address)
  })

t.test('routers tell of links that are too small', async t => {
  t.match(await ping('far', '172.31.0.1', '-Mdo', '-s1400'), /From 172\.30\.1\.254 .*\(mtu = 1300\)/)
  t.match(await ping('far', 'fd00:31::1', '-Mdo', '-s1400'), /From fd00:30:1::254 .*mtu ?= ?1300/i)
})

t.test('nodes reach pods over the pod network, and pods have the MTU that was asked for', async t => {
  t.match((await lab.exec('node1', ['ip', 'route', 'get', '10.244.2.2'])).stdout, /via 172\.31\.1\.2 dev br1/)
  for (const where of ['one', 'node1'])
    t.match((await lab.exec(where, ['ip', 'link'])).stdout, where === 'one' ? /eth0.* mtu 1350/ : /pod0.* mtu 1350/)
})

t.test('the far ends of uplinks are as XDP programs need them', async t => {
  const inFabric = (...argv: string[]) =>
    spawnSync('nsenter', [`--net=/run/netns/${lab.plan.fabric.netns}`, ...argv], { encoding: 'utf8' }).stdout
  for (const { port } of lab.plan.nodes.flatMap(({ uplinks }) => uplinks)) {
    t.match(inFabric('ethtool', '-k', port), /tx-checksumming: off/)
    t.match(inFabric('ip', 'link', 'show', 'dev', port), /prog\/xdp/, 'has a program, so that it is woken')
  }
  t.match(inFabric('ethtool', '-k', lab.plan.outside[0]!.uplink.port), /tx-checksumming: on/, 'a client has none')
  t.same(made(), before, 'and bpffs is as it was')
})

t.test('a pod comes, answers, and goes', async t => {
  await lab.addPod({ name: 'three', node: 'node2', labels: { app: 'web' }, serve: 'hostnames' })
  t.equal(lab.address('three'), '10.244.2.3')
  const [answer] = await lab.dial('far', { protocol: 'http', address: lab.address('three', 'IPv6'), port: 9376 })
  t.equal(answer?.pod, 'three')
  t.match(readFileSync(lab.podFile('three'), 'utf8'), /podIP: 10\.244\.2\.3/)
  await lab.removePod('three')
  t.notOk(existsSync(join(lab.manifests, podFile('three'))), 'its object')
  t.notOk(existsSync(`/run/netns/ek-${name}-node2-three`), 'its network')
  t.notOk(
    leftovers(name).some(left => left.includes('three')),
    'its process',
  )
  await t.rejects(lab.addPod({ name: 'one', node: 'node1' }), { message: /"one": the name is taken/ })
  await t.rejects(lab.addPod({ name: 'x', node: 'node9' }), {
    message: /"node9" is not in lab .* \(nodes: node1, node2\)/,
  })
})

t.test('by command, too', async t => {
  const added = await evenkeel('lab', 'add-pod', 'four', '--node', 'node1', '--label', 'app=web', '--name', name)
  t.equal(added.stderr, 'pod node1/four: 10.244.1.3 fd00:244:1::3\n')
  t.match(await ping('far', '10.244.1.3'), /1 received/)
  const bad = await evenkeel('lab', 'add-pod', 'five', '--node', 'node1', '--label', 'app', '--name', name)
  t.equal(bad.code, 1)
  t.match(bad.stderr, /--label app: expected key=value/)
  t.equal((await evenkeel('lab', 'remove-pod', 'four', '--name', name)).code, 0)
  t.match((await evenkeel('lab', 'remove-pod', 'four', '--name', name)).stderr, /has no pod "four"/)
})

/** Kernels may be built without these. */
for (const [uplink, type] of [
  ['vlan', 'link add v0 type veth'],
  ['bond', 'link add b0 type bond'],
] as const)
  t.test(`a ${uplink} as uplink works, or the message says that the kernel has none`, async t => {
    const lines = uplink === 'vlan' ? `${type}\nlink add link v0 name v0.5 type vlan id 5\n` : `${type}\n`
    const has = spawnSync('unshare', ['--net', 'ip', '-batch', '-'], { input: lines }).status === 0
    t.comment(`${uplink} devices: ${has ? 'there' : 'none'}`)
    const nodes = [{ name: 'node1', uplink }, { name: 'node2' }]
    const up = upLab({ name: `${name}${uplink[0]}`, topology: { nodes }, agents: false })
    if (!has)
      return void (await t.rejects(up, { message: /^node "node1": uplink: .* this kernel has no such devices/ }))
    await using other = await up
    t.match((await other.exec('outside', ['ping', '-n', '-c1', '-W1', '172.31.0.1'])).stdout, /1 received/)
  })

t.test('all of it goes', async t => {
  await lab.down()
  t.same(leftovers(name), [])
})
