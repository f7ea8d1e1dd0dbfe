// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import t from 'tap'
import { addressText } from '../../agent/kernel/address.ts'
import { type Direction, translatedConnections } from '../../agent/kernel/conntrack.ts'
import { inOwnNetwork } from '../own-network.ts'

const FAMILIES = [
  { tool: 'iptables-nft', vip: '10.96.0.10', server: '10.0.0.1', to: '10.0.0.1:8080', bits: 32 },
  { tool: 'ip6tables-nft', vip: 'fd00:96::a', server: 'fd00::1', to: '[fd00::1]:8080', bits: 128 },
] as const

const run = (argv: string) => void execFileSync('sh', ['-c', argv])

async function connected(address: string, port: number): Promise<Socket> {
  const socket = dial(port, address)
  await once(socket, 'connect')
  return socket
}

function ends({ saddr, sport, daddr, dport }: Direction): string {
  return `${addressText(saddr)} ${sport} ${addressText(daddr)} ${dport}`
}

if (inOwnNetwork(import.meta.filename)) {
  run('ip link set lo up')
  const server = createServer(socket => socket.resume()).listen(8080, '::')
  await once(server, 'listening')
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  t.test('without connection tracking there are none', async t => {
    t.same(translatedConnections(), [])
  })

  t.test('those whose target is translated are there, in both families, as both ends send them', async t => {
    for (const { tool, vip, server, to, bits } of FAMILIES) {
      run(`ip addr add ${server}/${bits} dev lo; ip route add ${vip}/${bits} dev lo`)
      run(`${tool} -t nat -A OUTPUT -d ${vip} -p tcp --dport 80 -j DNAT --to-destination '${to}'`)
    }
    for (const { vip, server } of FAMILIES) {
      const through = await connected(vip, 80)
      sockets.push(through, await connected(server, 8080))
      const { localAddress: client, localPort: port } = through
      const mine = translatedConnections().filter(({ original }) => original.sport === port)
      t.same(
        mine.map(({ original, reply }) => [ends(original), ends(reply)]),
        [[`${client} ${port} ${vip} 80`, `${server} 8080 ${client} ${port}`]],
      )
    }
    t.equal(translatedConnections().length, FAMILIES.length, 'and those to the server itself are not')
  })
}
