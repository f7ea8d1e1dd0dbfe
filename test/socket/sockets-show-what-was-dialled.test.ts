// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { namedByte } from '../../agent/reconcile/known-addresses.ts'
import type { Manifest } from '../cluster.ts'
import { service, vip } from '../services/manifests.ts'
import { clusterFor, podsByAddress } from './cluster.ts'
import { python } from './python.ts'

const OTHERS = [2, 3, 4, 5]
/** Of one pod each: no two have a backend in common, so that answers tell which Service was asked. */
const apart = ['web-0', 'web-1', 'web-2'].map((pod, i) =>
  service({ name: `apart-${i}`, number: 6 + i, spec: { selector: { pod } } }),
)
const manifests: Manifest[] = [service(), ...OTHERS.map(number => service({ name: `web-${number}`, number })), ...apart]
const { lab, look } = await clusterFor(t, { manifests })
const pods = podsByAddress(lab)
const ADDRESSES = [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]

const CONNECTED = `
address = json.loads(sys.argv[1])
for kind in (SOCK_STREAM, SOCK_DGRAM):
    s = opened(address, kind)
    s.connect((address, 80))
    name = s.getpeername()[:2]
    table = '/proc/net/' + ('tcp' if kind == SOCK_STREAM else 'udp') + ('6' if s.family == AF_INET6 else '')
    rows = [line.split() for line in open(table)]
    port = '%04X' % s.getsockname()[1]
    say([name, [row[2] for row in rows if row[1].endswith(':' + port)]])
`

/** "10.244.1.2 9376" of an address as /proc/net/tcp has it: 32-bit words in the host's order, in hexadecimal. */
function plain(hex: string): string {
  const [address = '', port = ''] = hex.split(':')
  const words = address.match(/.{8}/g)?.map(word => Buffer.from(word, 'hex').reverse()) ?? []
  const bytes = Buffer.concat(words)
  const mapped = bytes.length === 4 || bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff'
  const groups = bytes.toString('hex').match(/.{4}/g) ?? []
  const text = mapped
    ? [...bytes.subarray(-4)].join('.')
    : new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  return `${text} ${Number.parseInt(port, 16)}`
}

t.test('getpeername says the Service, the kernel has the backend', async t => {
  for (const address of ADDRESSES) {
    const both = await python<[unknown, string[]]>(lab, 'client', CONNECTED, address)
    t.equal(both.length, 2)
    for (const [name, remote] of both) {
      t.same(name, [address, 80])
      t.equal(remote.length, 1)
      const [backend = '', port] = plain(remote[0]!).split(' ')
      t.match(pods.get(backend), /^web-/, `really at ${backend}`)
      t.equal(port, '9376')
    }
  }
})

t.test('ss shows the backend while Node shows the Service', async t => {
  const script = `
    const socket = require('node:net').connect(80, process.argv[1], () => {
      console.log(socket.remoteAddress)
      console.log(require('node:child_process').execFileSync('ss', ['-tnH'], { encoding: 'utf8' }))
      socket.destroy()
    })`
  const { stdout } = await lab.exec('client', [process.execPath, '-e', script, vip()])
  const [remote, ...lines] = stdout.trim().split('\n')
  t.equal(remote, vip())
  t.match(lines.join('\n'), /10\.244\.\d\.\d+:9376/)
  t.notMatch(lines.join('\n'), vip())
})

const RECEIVED = `
address = json.loads(sys.argv[1])
for connected in (False, True):
    s = opened(address, SOCK_DGRAM)
    if connected:
        s.connect((address, 80))
    for i in range(3):
        s.send(b'ping') if connected else s.sendto(b'ping', (address, 80))
        say(s.recvfrom(99)[1][:2])
        s.send(b'ping') if connected else s.sendto(b'ping', (address, 80))
        say(s.recvmsg(99)[3][:2])
`

t.test('recvfrom and recvmsg say the Service', async t => {
  for (const address of ADDRESSES) {
    const names = await python(lab, 'client', RECEIVED, address)
    t.same(names, Array(12).fill([address, 80]))
  }
})

const MANY = `
targets, rounds = map(json.loads, sys.argv[1:])
s = opened(targets[0], SOCK_DGRAM)
for i in range(rounds):
    for target in targets:
        s.sendto(b'ping', (target, 80))
        say([target, s.recvfrom(99)[1][0]])
`

t.test('one socket asks Services that share their backends, in turn', async t => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const targets = [1, ...OTHERS].map(number => vip(number, family))
    const answers = await python<[string, string]>(lab, 'client', MANY, targets, 5)
    t.equal(answers.length, 25)
    for (const [asked, name] of answers) t.equal(name, asked)
  }
})

const AT_ONCE = `
targets, rounds = map(json.loads, sys.argv[1:])
s = opened(targets[0], SOCK_DGRAM)
for i in range(rounds):
    for target in targets:
        s.sendto(b'ping', (target, 80))
    for target in targets:
        data, name = s.recvfrom(99)
        say([data.split()[0].decode(), name[0]])
`

t.test('one socket asks several Services at once', async t => {
  const targets = apart.map((_, i) => vip(6 + i))
  const answers = await python<[string, string]>(lab, 'client', AT_ONCE, targets, 20)
  t.equal(answers.length, 60)
  for (const [pod, name] of answers) t.equal(name, targets[Number(pod.at(-1))], pod)
})

t.test('programs note the same byte for a backend as an agent that starts', async t => {
  const entries = look(({ sockets, addresses }) =>
    [...sockets!.orig.entries()].map(([{ addr, port }]) => addresses.memory[namedByte(addr, port)]),
  )
  t.ok(entries.length > 0)
  t.ok(
    entries.every(byte => byte === 1),
    `${entries.length} names`,
  )
})

t.test('nothing was written into the table of flows', async t => {
  for (const node of ['node1', 'node2'])
    t.same(
      look(({ flows }) => [...flows.entries()].length, node),
      0,
      node,
    )
})
