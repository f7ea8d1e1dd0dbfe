// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { upLab } from '../../lab/up.ts'

t.setTimeout(120_000)

const lab = await upLab({ name: `e${process.pid}`, agents: false })
t.teardown(() => lab.down())

/** From where, and the address that the server must see. */
const CLIENTS = [
  { from: 'client', IPv4: '10.244.1.2', IPv6: 'fd00:244:1::2' },
  { from: 'node1/hostnames-0', IPv4: '10.244.1.3', IPv6: 'fd00:244:1::3' },
  { from: 'outside', IPv4: '172.31.0.200', IPv6: 'fd00:31::200' },
  { from: 'node2', IPv4: '172.31.0.2', IPv6: 'fd00:31::2' },
]

for (const { from, ...sources } of CLIENTS) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    t.test(`${from} reaches pods over ${family}, and they see its address`, async t => {
      const reach = async (pod: string) => {
        const target = { address: lab.address(pod, family), port: 9376 }
        const source = sources[family]
        const [http, udp, large, upload, download] = await lab.dial(
          from,
          { ...target, protocol: 'http', path: '/client' },
          { ...target, protocol: 'udp' },
          { ...target, protocol: 'udp', size: 60_000 },
          { ...target, protocol: 'http', path: '/received', size: 1_000_000 },
          { ...target, protocol: 'http', path: '/bytes/3000000' },
        )
        t.equal(http?.pod, pod)
        t.equal(http?.answer, `${family === 'IPv6' ? `[${source}]` : source}:${http?.to?.split(' ')[1]}`)
        t.match(udp, { pod, from: `${target.address} 9376` })
        t.equal(udp?.answer?.split(' ')[0], source)
        t.match(large, { pod, error: undefined }, 'a datagram in fragments')
        t.equal(upload?.answer, '1000000')
        t.match(download, { pod, bytes: 3_000_000, error: undefined })
      }
      await Promise.all(['hostnames-1', 'hostnames-2'].map(reach))
    })
  }
}

t.test('a port that nobody listens on refuses', async t => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const target = { address: lab.address('hostnames-2', family), port: 1 }
    t.match(await lab.dial('client', { ...target, protocol: 'http' }), [{ error: 'ECONNREFUSED' }])
    t.match(await lab.dial('client', { ...target, protocol: 'udp', connected: true }), [{ error: 'ECONNREFUSED' }])
  }
})

t.test('nodes drop what could not be answered (strict rp_filter) and forward the rest', async t => {
  const read = async (path: string) => (await lab.exec('node1', ['cat', `/proc/sys/net/${path}`])).stdout.trim()
  t.equal(await read('ipv4/conf/all/rp_filter'), '1')
  t.equal(await read('ipv4/ip_forward'), '1')
  t.equal(await read('ipv6/conf/all/forwarding'), '1')
})

t.test('a shared connection keeps its port, own ones get new ones', async t => {
  const target = {
    protocol: 'http',
    address: lab.address('hostnames-2'),
    port: 9376,
    path: '/client',
    count: 5,
  } as const
  const shared = await lab.dial('client', { ...target, shared: true })
  t.equal(new Set(shared.map(({ answer }) => answer)).size, 1)
  const own = await lab.dial('client', target)
  t.equal(new Set(own.map(({ answer }) => answer)).size, 5)
})
