// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { BACKENDS, FAMILIES, service, VIP, whoAnswered } from './services.ts'

t.setTimeout(120_000)

const EMPTY = { IPv4: '10.96.7.2', IPv6: 'fd00:96::7:2' } as const
const empty = service({ name: 'empty', clusterIPs: Object.values(EMPTY), selector: { app: 'nobody' } })
const lab = await upLab({ name: `l${process.pid}`, manifests: { 'web.yaml': service(), 'empty.yaml': empty } })
t.teardown(() => lab.down())

/**
 * Milliseconds until a TCP client knows. Linux drops an ICMPv6 error that comes while connect() still holds the socket, which it
 * does over a veth, and tells at the first repeat of the SYN, after a second: also of a refusal of the kernel's own (seen on 6.18).
 */
const AT_ONCE = { IPv4: 500, IPv6: 1500 } as const

for (const family of FAMILIES) {
  for (const [what, address, port] of [
    ['a Service without endpoints', EMPTY[family], { http: 80, udp: 53 }],
    ['a port that no Service has', VIP[family], { http: 81, udp: 81 }],
  ] as const) {
    t.test(`${what} is refused (${family})`, async t => {
      const [tcp, udp] = await lab.dial(
        'client',
        { protocol: 'http', address, port: port.http },
        { protocol: 'udp', address, port: port.udp, connected: true },
      )
      t.equal(tcp?.error, 'ECONNREFUSED')
      t.ok(tcp!.ms < AT_ONCE[family], `TCP: after ${tcp!.ms} ms`)
      t.equal(udp?.error, 'ECONNREFUSED')
      t.ok(udp!.ms < 500, `UDP: after ${udp!.ms} ms`)
    })
  }

  t.test(`a pod reaches itself through its Service (${family})`, async t => {
    for (const options of [
      { protocol: 'http', address: VIP[family], port: 80, count: 40 } as const,
      { protocol: 'udp', address: VIP[family], port: 53, count: 40 } as const,
    ]) {
      const outcomes = await lab.dial('hostnames-0', options)
      t.same(whoAnswered(outcomes), BACKENDS, `${options.protocol}: itself too, and nothing failed`)
    }
  })
}
