// SPDX-License-Identifier: Apache-2.0
/** What the node itself keeps clients from: forwarding, uplinks, programs for pods, processes at nodePorts. And what a client meets. */
import t, { type Test } from 'tap'
import type { Explained } from '../../agent/cli/explain.ts'
import type { Manifest } from '../cluster.ts'
import { FAMILIES, HTTP, service, UDP, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { type Listener, listen } from './listener.ts'
import { python } from './python.ts'

const PORT = { web: 30_080, four: 30_100, six: 30_200, host: 30_300 } as const
const NODE = { IPv4: '172.31.0.1', IPv6: 'fd00:31::1' } as const
const HOST_PORT = 8_088

interface HeardListener extends Listener {
  /** Services of one family at whose nodePorts it is in the way. */
  readonly heard: readonly ('four' | 'six')[]
}

/** At the nodePorts from PORT.four and PORT.six on. */
const LISTENERS: readonly HeardListener[] = [
  { where: 'node1', kind: 'tcp', address: '0.0.0.0', heard: ['four'] },
  { where: 'node1', kind: 'tcp', address: NODE.IPv4, heard: ['four'] },
  { where: 'node1', kind: 'tcp', address: '127.0.0.1', heard: ['four'] },
  { where: 'node1', kind: 'tcp', address: '127.0.0.2', heard: [] },
  { where: 'node1', kind: 'tcp', address: '::ffff:0.0.0.0', heard: ['four'] },
  { where: 'node1', kind: 'tcp', address: '::', heard: ['four', 'six'] },
  { where: 'node1', kind: 'tcp', address: NODE.IPv6, heard: ['six'] },
  { where: 'node1', kind: 'tcp', address: '::1', heard: ['six'] },
  { where: 'node1', kind: 'udp', address: '::', heard: [] },
  { where: 'client', kind: 'tcp', address: '::', heard: [] },
]

/** HTTP at so many; where they are several, UDP at the first, too. */
function nodePorts(name: string, number: number, nodePort: number, count: number, spec: object = {}): Manifest {
  const all = Array.from({ length: count }, (_, i) => i)
  const ports = all.map(i => ({ ...HTTP, name: `p${i}`, port: 80 + i, nodePort: nodePort + i }))
  const udp = count > 1 ? [{ ...UDP, nodePort }] : []
  return service({ name, number, spec: { type: 'NodePort', ports: [...ports, ...udp], ...spec } })
}

function single(family: (typeof FAMILIES)[number], number: number): object {
  const address = vip(number, family)
  return { clusterIP: address, clusterIPs: [address], ipFamilyPolicy: 'SingleStack', ipFamilies: [family] }
}

function hostName(family: (typeof FAMILIES)[number]): string {
  return `host-${family.toLowerCase()}`
}

/** Its backend is a process of node1 itself, as of a Pod in the host's network. */
function atHost(family: (typeof FAMILIES)[number]): Manifest[] {
  const endpoint = { addresses: [NODE[family]], nodeName: 'node1', conditions: { ready: true } }
  const name = hostName(family)
  const metadata = { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } }
  const ports = [{ name: 'p0', port: HOST_PORT }]
  return [
    nodePorts(name, 5, PORT.host, 1, { ...single(family, 5), selector: undefined }),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata,
      addressType: family,
      ports,
      endpoints: [endpoint],
    },
  ]
}

const { lab, restart, settled, put } = await clusterFor(t, {
  topology: {
    nodes: [{ name: 'node1' }, { name: 'node2' }, { name: 'node3' }],
    outside: ['outside'],
    pods: [
      { name: 'client', node: 'node1' },
      { name: 'web-0', node: 'node1', labels: { app: 'web' }, serve: 'hostnames' },
      { name: 'web-1', node: 'node2', labels: { app: 'web' }, serve: 'hostnames' },
    ],
  },
  manifests: [nodePorts('web', 1, PORT.web, 1), service({ name: 'inside', number: 2, spec: { ports: [HTTP] } })],
})

/** By ports' names, what is found; "note" in front of what is no problem. */
async function found(name: string, node = 'node1'): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout, stderr } = await lab.exec(node, ['evenkeel', 'explain', name, '-o', 'json'])
  if (stderr !== '') throw new Error(stderr)
  const { findings, ports } = JSON.parse(stdout) as Explained
  const whole = { name: '', findings }
  return new Map(
    [whole, ...ports].map(port => [
      port.name,
      port.findings.map(({ severity, what }) => (severity === 'problem' ? what : `note ${what}`)),
    ]),
  )
}

/** Of all ports together. */
async function finds(t: Test, name: string, expected: readonly RegExp[], what: string, node = 'node1'): Promise<void> {
  const texts = [...(await found(name, node)).values()].flat()
  t.match(texts, expected, `${name}: ${what}: ${texts}`)
  t.equal(texts.length, expected.length, `${name}: ${texts.length} of ${expected.length} findings`)
}

/** Who answers: a pod's name, or an error. */
async function meets(where: string, address: string, port: number): Promise<string> {
  const [dialled] = await lab.dial(where, { protocol: 'http', address, port, timeout: 1_000 })
  return dialled?.pod ?? dialled?.error ?? 'nothing'
}

async function run(...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await lab.exec('node1', argv)
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
}

/** Waits until a Service is there. */
async function serves(name: string, ...manifests: readonly Manifest[]): Promise<void> {
  await put('more', ...manifests)
  await settled(name, live => live.some(({ service }) => service.startsWith(`default/${name}:`)))
}

t.test('nothing is wrong', async t => {
  for (const node of ['node1', 'node2', 'node3'])
    for (const name of ['web', 'inside']) await finds(t, name, [], `nothing on ${node}`, node)
  for (const family of FAMILIES) t.match(await meets('outside', NODE[family], PORT.web), /^web-/, 'a client outside')
})

const FORWARDING = { IPv4: 'net.ipv4.ip_forward', IPv6: 'net.ipv6.conf.all.forwarding' } as const

/** How a connection from outside begins. */
const CONNECT = `
address, port = map(json.loads, sys.argv[1:])
say(ended(opened(address, SOCK_STREAM).connect, (address, port))[0])
`

for (const family of FAMILIES)
  t.test(`${family} is not forwarded`, async t => {
    const other = family === 'IPv4' ? 'IPv6' : 'IPv4'
    await serves(
      hostName(family),
      ...atHost(family),
      nodePorts('own', 3, PORT.four, 1, single(family, 3)),
      nodePorts('other', 4, PORT.six, 1, single(other, 4)),
    )
    const end = await listen(lab, 'node1', [{ kind: 'tcp', address: NODE[family], port: HOST_PORT }])
    const name = FORWARDING[family]
    const finding = new RegExp(`^${name.replaceAll('.', '\\.')} is 0: clients outside reach no backend over ${family}$`)
    await run('sysctl', '-qw', `${name}=0`)
    await finds(t, 'web', [finding], 'its clients outside')
    await finds(t, 'own', [finding], 'of this family')
    await finds(t, 'other', [], 'of the other one')
    await finds(t, 'inside', [], 'nobody outside is served')
    await finds(t, hostName(family), [], 'to a process of this node nothing is forwarded')
    t.notMatch(await meets('outside', NODE[family], PORT.web), /^web-/, 'a client outside')
    t.match(await meets('outside', NODE[other], PORT.web), /^web-/, `a client outside over ${other}`)
    t.same(await python(lab, 'outside', CONNECT, NODE[family], PORT.host), ['OK'], 'and one of a process here')
    await run('sysctl', '-qw', `${name}=1`)
    await finds(t, 'web', [], 'forwarded again')
    t.match(await meets('outside', NODE[family], PORT.web), /^web-/, 'a client outside, again')
    await end()
  })

t.test('processes that listen at nodePorts: each that a Service is served in the place of', async t => {
  const singles = { four: single('IPv4', 3), six: single('IPv6', 4) }
  const names = ['four', 'six'] as const
  const port = (name: 'four' | 'six', i: number) => PORT[name] + i
  // Before the Services: later their ports are not to be had.
  await serves('first', service({ name: 'first', number: 6 }))
  const sockets = LISTENERS.flatMap((one, i) => names.map(name => ({ ...one, port: port(name, i) })))
  const ends = await Promise.all(
    ['node1', 'client'].map(place =>
      listen(
        lab,
        place,
        sockets.filter(({ where }) => where === place),
      ),
    ),
  )
  await serves('six', ...names.map((name, i) => nodePorts(name, 3 + i, PORT[name], LISTENERS.length, singles[name])))
  for (const name of names) {
    const all = await found(name)
    for (const [i, { where, kind, address, heard }] of LISTENERS.entries()) {
      const note = `note a process of this node listens at the nodePort ${port(name, i)}, too: connections come to the Service, not to it`
      t.same(
        all.get(`default/${name}:p${i}/TCP`),
        heard.includes(name) ? [note] : [],
        `${name}: ${where}, ${kind} ${address}`,
      )
    }
    t.same(all.get(`default/${name}:udp/UDP`), [], `${name}: the same number of UDP is another port`)
    const own = name === 'four' ? NODE.IPv4 : NODE.IPv6
    for (const where of ['outside', 'node1'])
      for (const i of LISTENERS.keys())
        t.match(await meets(where, own, port(name, i)), /^web-/, `${where}: a pod answers`)
  }
  t.match(await meets('node1', '127.0.0.1', port('four', 2)), /^web-/, 'a pod answers there, too')
  t.equal(await meets('node1', '127.0.0.2', port('four', 3)), 'ETIMEDOUT', 'there the process, which says nothing')
  await finds(t, 'web', [], 'nobody is at its port')
  for (const end of ends) await end()
  for (const name of names) await finds(t, name, [], 'all have ended')
})

t.test('no uplinks', async t => {
  await restart('node1', { uplinks: false })
  await finds(
    t,
    'web',
    [/^no device of this node is an uplink: clients outside are not served here$/],
    'clients outside',
  )
  await finds(t, 'inside', [], 'nobody outside is served')
  await finds(t, 'web', [], 'on another node', 'node2')
  t.notMatch(await meets('outside', NODE.IPv4, PORT.web), /^web-/, 'a client outside')
  t.match(await meets('client', NODE.IPv4, PORT.web), /^web-/, 'a pod')
  await restart('node1', {})
  await finds(t, 'web', [], 'with uplinks')
  t.match(await meets('outside', NODE.IPv4, PORT.web), /^web-/, 'a client outside, again')
})

t.test('no programs for pods', async t => {
  await restart('node1', { podPath: 'packet' })
  for (const name of ['web', 'inside']) await finds(t, name, [], 'at the devices of pods')
  t.match(await meets('client', vip(2), 80), /^web-/, 'a pod')
  await lab.stopAgent('node1')
  await renamePodDevices()
  await lab.startAgent('node1', { config: { podPath: 'packet' } })
  const none = /^no program of ours is attached for pods of this node$/
  for (const name of ['web', 'inside']) await finds(t, name, [none], 'at none of their devices')
  t.notMatch(await meets('client', vip(2), 80), /^web-/, 'a pod')
  await restart('node1', {})
  for (const name of ['web', 'inside']) await finds(t, name, [], 'at sockets')
  t.match(await meets('client', vip(2), 80), /^web-/, 'a pod, again')
})

/** So that podDevices does not match them any more. */
async function renamePodDevices(): Promise<void> {
  const { stdout } = await lab.exec('node1', ['ip', '-j', 'link'])
  const names = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname)
  const pods = names.filter(name => name.startsWith('pod'))
  for (const [i, name] of pods.entries()) await run('ip', 'link', 'set', 'dev', name, 'name', `other${i}`)
}

t.test('a node without pods may have no devices of theirs', async t => {
  await restart('node3', { podPath: 'packet' })
  const meant = /^note no program of ours is attached for pods of this node$/
  for (const name of ['web', 'inside']) await finds(t, name, [meant], 'meant so', 'node3')
})
