// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { inOwnNetwork } from '../own-network.ts'
import { connect, echoes, startEcho } from './connection.ts'
import { nftablesMode } from './kube-proxy.ts'
import { migrate, tool } from './network.ts'

/** A firewall and a CNI plugin without NAT: nobody but kube-proxy translates. */
const FOREIGN = `table inet firewall {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 25 drop
	}
}
table ip6 cni { map kube-proxy { type ipv6_addr : verdict; }
}
`
const SERVER = { address: '10.0.0.1', port: 8080 }

const ruleset = () => tool(['nft', '-s', 'list', 'ruleset'])

if (inOwnNetwork(import.meta.filename)) {
  const server = await startEcho(SERVER)
  t.teardown(() => server.close())
  tool(['nft', '-f', '-'], FOREIGN)
  const foreign = ruleset()
  tool(['nft', '-f', '-'], nftablesMode(SERVER))
  let both = ''

  t.test('check finds the table and what it serves', async t => {
    const { code, stdout } = migrate('check', '-o', 'json')
    t.equal(code, 1)
    t.match(JSON.parse(stdout).leftovers, [
      { kind: 'nftables', where: 'nft, table ip kube-proxy', what: '12 chains, 4 maps, 2 sets' },
    ])
  })

  t.test('a connection that kube-proxy had translated goes on when the table goes', async t => {
    const socket = await connect()
    t.ok(await echoes(socket, 'before'))
    both = ruleset()
    t.match(both, /elements = { 10.0.0.1 }/, 'the client is remembered, for affinity')
    t.equal(migrate('apply', '--force').code, 0)
    t.notMatch(ruleset(), /table ip kube-proxy/)
    t.ok(await echoes(socket, 'after'), 'though nobody else has a chain of type nat')
    socket.destroy()
    t.equal(ruleset().slice(0, foreign.length), foreign, 'tables of others stay')
  })

  t.test('put back, it is as it was and serves', async t => {
    const { code, stderr } = migrate('back')
    t.equal(code, 0, stderr)
    t.same(ruleset().split('\n').toSorted(), both.split('\n').toSorted())
    const socket = await connect()
    t.ok(await echoes(socket, 'again'))
    socket.destroy()
  })
}
