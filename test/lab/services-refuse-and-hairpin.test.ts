// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { BACKENDS, FAMILIES, service, VIP, whoAnswered } from './services.ts'

t.setTimeout(120_000)

const EMPTY = { IPv4: '10.96.7.2', IPv6: 'fd00:96::7:2' } as const
const empty = service({ name: 'empty', clusterIPs: Object.values(EMPTY), selector: { app: 'nobody' } })
/** The default, and the one for pods without sockets on the node. */
const POD_PATHS = ['socket', 'packet'] as const
const configs = t.testdir(Object.fromEntries(POD_PATHS.map(podPath => [podPath, `podPath: ${podPath}\n`])))

/**
 * Milliseconds until a TCP client knows. Linux drops an ICMPv6 error that comes while connect() still holds the socket, which it
 * does over a veth, and tells at the first repeat of the SYN, after a second: also of a refusal of the kernel's own (seen on 6.18).
 */
const AT_ONCE = { socket: { IPv4: 500, IPv6: 500 }, packet: { IPv4: 500, IPv6: 1500 } } as const

for (const podPath of POD_PATHS) {
  const manifests = { 'web.yaml': service(), 'empty.yaml': empty }
  const lab = await upLab({ name: `l${podPath}${process.pid}`, manifests, config: join(configs, podPath) })
  t.teardown(() => lab.down())

  for (const family of FAMILIES) {
    for (const [what, address, port] of [
      ['a Service without endpoints', EMPTY[family], { http: 80, udp: 53 }],
      ['a port that no Service has', VIP[family], { http: 81, udp: 81 }],
    ] as const) {
      t.test(`${what} is refused (${podPath}, ${family})`, async t => {
        const [tcp, udp] = await lab.dial(
          'client',
          { protocol: 'http', address, port: port.http },
          { protocol: 'udp', address, port: port.udp, connected: true },
        )
        t.equal(tcp?.error, 'ECONNREFUSED')
        t.ok(tcp!.ms < AT_ONCE[podPath][family], `TCP: after ${tcp!.ms} ms`)
        t.equal(udp?.error, 'ECONNREFUSED')
        t.ok(udp!.ms < 500, `UDP: after ${udp!.ms} ms`)
      })
    }

    t.test(`a pod reaches itself through its Service (${podPath}, ${family})`, async t => {
      for (const options of [
        { protocol: 'http', address: VIP[family], port: 80, count: 40 } as const,
        { protocol: 'udp', address: VIP[family], port: 53, count: 40 } as const,
      ]) {
        const outcomes = await lab.dial('hostnames-0', options)
        t.same(whoAnswered(outcomes), BACKENDS, `${options.protocol}: itself too, and nothing failed`)
      }
    })
  }
}
