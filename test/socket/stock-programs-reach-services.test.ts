// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FAMILIES, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'
import { python } from './python.ts'

const POD = /^web-[012]$/
const { lab } = await clusterFor(t)

async function output(argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec('client', argv)
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return stdout
}

function url(family: (typeof FAMILIES)[number]): string {
  return `http://${family === 'IPv6' ? `[${vip(1, family)}]` : vip()}/`
}

t.test('curl', async t => {
  for (const family of FAMILIES) {
    const [pod = '', address] = (await output(['curl', '-s', '-w', '%{remote_ip}', url(family)])).split('\n')
    t.match(pod, POD)
    t.equal(address, vip(1, family), 'connected to the Service')
  }
})

t.test('curl keeps one connection alive for 50 requests', async t => {
  for (const family of FAMILIES) {
    const requests = `${url(family)}?[1-50]`.replace('[fd00:96::1]', '\\[fd00:96::1\\]')
    const lines = (await output(['curl', '-s', '-w', '%{num_connects}\n', requests])).trim().split('\n')
    const pods = lines.filter((_, i) => i % 2 === 0)
    const connects = lines.filter((_, i) => i % 2 === 1).map(Number)
    t.equal(pods.length, 50)
    t.equal(
      connects.reduce((a, b) => a + b),
      1,
      'one connection',
    )
    t.equal(new Set(pods).size, 1, 'one backend')
  }
})

t.test('bash /dev/tcp and /dev/udp', async t => {
  for (const family of FAMILIES) {
    const http = `exec 3<>/dev/tcp/${vip(1, family)}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -1 <&3`
    t.match((await output(['bash', '-c', http])).trim(), POD)
    const udp = `exec 3<>/dev/udp/${vip(1, family)}/80; echo ping >&3; timeout 5 dd bs=999 count=1 <&3`
    t.match((await output(['bash', '-c', udp])).split(' ')[0], POD)
  }
})

const EVERY_KIND = `
address = json.loads(sys.argv[1])
tcp = opened(address, SOCK_STREAM)
tcp.connect((address, 80))
say(get(tcp))
connected = opened(address, SOCK_DGRAM)
connected.connect((address, 80))
connected.send(b'ping')
say(connected.recv(99).split()[0].decode())
unconnected = opened(address, SOCK_DGRAM)
unconnected.sendto(b'ping', (address, 80))
say(unconnected.recvfrom(99)[0].split()[0].decode())
`

t.test('Python: TCP, connected and unconnected UDP, and IPv4 from IPv6 sockets', async t => {
  for (const address of [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]) {
    const pods = await python<string>(lab, 'client', EVERY_KIND, address)
    t.equal(pods.length, 3)
    for (const pod of pods) t.match(pod, POD, address)
  }
})

t.test("Node's net and dgram", async t => {
  for (const address of [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]) {
    const common = { address, port: 80, count: 3 }
    const outcomes = await lab.dial(
      'client',
      { protocol: 'http', ...common },
      { protocol: 'http', shared: true, ...common },
      { protocol: 'udp', ...common },
      { protocol: 'udp', connected: true, ...common },
    )
    t.equal(outcomes.length, 12)
    for (const { pod, error } of outcomes) t.match(pod, POD, error ?? address)
  }
})

t.test('processes of the node itself', async t => {
  for (const address of [vip(), vip(1, 'IPv6'), `::ffff:${vip()}`]) {
    const pods = await python<string>(lab, 'node1', EVERY_KIND, address)
    t.equal(pods.length, 3)
    for (const pod of pods) t.match(pod, POD, address)
  }
})
