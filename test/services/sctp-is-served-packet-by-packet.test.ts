// SPDX-License-Identifier: Apache-2.0
/**
 * SCTP has no socket hooks: as soon as there is a Service over it, pods' packets pass through programs, whatever podPath says. Without
 * SCTP sockets in every kernel, pods here send and read its packets themselves, through raw sockets.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Family } from '../../lab/plan.ts'
import { sctp, sctpChecksum } from '../packet/sctp.ts'
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, vip } from './manifests.ts'

const CLIENT_PORT = 40_000
const TARGET = 9_999
const PORT = { name: 'sctp', port: 132, targetPort: TARGET, protocol: 'SCTP' }

/** raw.py 4|6 [ADDRESS HEX]: says "ready", sends if it is to, and prints who sent the first packet that comes, and its bytes. */
const RAW = `
import socket, sys
v4 = sys.argv[1] == '4'
s = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_RAW, 132)
s.settimeout(5)
print('ready', flush=True)
if len(sys.argv) > 2:
    s.sendto(bytes.fromhex(sys.argv[3]), (sys.argv[2], 0))
data, who = s.recvfrom(65535)
print(who[0], (data[20:] if v4 else data).hex(), flush=True)
`

interface Received {
  readonly from: string
  readonly bytes: Buffer
}

/** Resolves when it listens; \`received\` when a packet has come. */
async function listen({ lab }: Cluster, pod: string, family: Family, send: readonly string[] = []) {
  const version = family === 'IPv4' ? '4' : '6'
  const child = lab.spawn(pod, ['python3', '-c', RAW, version, ...send], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const all: string[] = []
  lines.on('line', line => void all.push(line))
  const end = once(child, 'close')
  await once(lines, 'line')
  const received = end.then((): Received => {
    const [from = 'nobody', hex = ''] = all[1]?.split(' ') ?? []
    return { from, bytes: Buffer.from(hex, 'hex') }
  })
  return { received }
}

const packet = (sport: number, dport: number, chunks: Buffer) =>
  // It has no pseudo-header: the ends do not matter.
  sctp({ sport, dport, chunks }).encode({ src: Buffer.alloc(4), dst: Buffer.alloc(4) })

function isRight(t: Test, { from, bytes }: Received, expected: { from: string; sport: number; dport: number }): void {
  t.same({ from, sport: bytes.readUInt16BE(0), dport: bytes.readUInt16BE(2) }, expected)
  t.equal(bytes.readUInt32LE(8), sctpChecksum(bytes), 'its checksum is right')
}

prove(
  {
    'to another target port, there and back': async (t, cluster) => {
      for (const family of FAMILIES) {
        const address = vip(1, family)
        const backend = await listen(cluster, 'web-0', family)
        const init = packet(CLIENT_PORT, PORT.port, Buffer.alloc(101, family))
        const client = await listen(cluster, 'client', family, [address, init.toString('hex')])
        const there = await backend.received
        isRight(t, there, { from: cluster.lab.address('client', family), sport: CLIENT_PORT, dport: TARGET })
        const answer = packet(TARGET, CLIENT_PORT, Buffer.alloc(57, 'answer'))
        await listen(cluster, 'web-0', family, [cluster.lab.address('client', family), answer.toString('hex')])
        isRight(t, await client.received, { from: address, sport: PORT.port, dport: CLIENT_PORT })
      }
    },
  },
  { manifests: { web: [service({ spec: { selector: { pod: 'web-0' }, ports: [PORT] } })] }, nodes: 1 },
)
