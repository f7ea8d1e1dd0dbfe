// SPDX-License-Identifier: Apache-2.0
/** Where nobody else has connections tracked: with the last rule that does, the kernel would stop to translate. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { inOwnNetwork } from '../own-network.ts'
import { connect, echoes, startEcho } from './connection.ts'
import { iptablesMode } from './kube-proxy.ts'
import { migrate, tool } from './network.ts'

/** The endpoint of its rules. */
const SERVER = { address: '10.244.1.5', port: 8080 }
const KINDS = existsSync('/proc/net/ip_tables_names') ? ['nft', 'legacy'] : ['nft']

if (inOwnNetwork(import.meta.filename)) {
  const server = await startEcho(SERVER)
  t.teardown(() => server.close())
  for (const kind of KINDS)
    t.test(`a connection that kube-proxy had translated goes on when its rules go, iptables-${kind}`, async t => {
      const nat = () => tool([`iptables-${kind}-save`, '-t', 'nat'])
      tool([`iptables-${kind}-restore`, '--noflush'], iptablesMode('IPv4').replace('-I FORWARD 2', '-I FORWARD 1'))
      const socket = await connect()
      t.ok(await echoes(socket, 'before'))
      t.equal(migrate('apply', '--force').code, 0)
      t.notMatch(nat(), /KUBE-/)
      t.ok(await echoes(socket, 'after'))
      t.match(nat(), /EVENKEEL-MIGRATE/)
      t.equal(migrate('back').code, 0)
      t.notMatch(nat(), /EVENKEEL-MIGRATE/, 'what has kept it goes when the rules are back')
      t.ok(await echoes(socket, 'again'))
      socket.destroy()
      for (const table of ['nat', 'filter', 'mangle']) {
        tool([`iptables-${kind}`, '-t', table, '-F'])
        tool([`iptables-${kind}`, '-t', table, '-X'])
      }
    })
}
