// SPDX-License-Identifier: Apache-2.0
/** A client outside of the cluster dials a nodePort: at nodes with and without a backend, by tc and by XDP. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab.ts'
import { backends, expect, FOLLOW_LIMIT_MS, failuresAmong, heading, say, table } from './stage.ts'

const NODE_PORT = 30_080
/** A Service that is dialled from outside, at nodes with a backend and without. */
const OUTSIDE_MANIFEST = `apiVersion: v1
kind: Service
metadata: { name: hostnames-outside }
spec:
  type: NodePort
  selector: { app: hostnames }
  ports: [{ port: 80, targetPort: 9376, nodePort: ${NODE_PORT} }]
`

/** What each backend saw as its client, when a node is dialled from outside. */
async function clientsSeen(lab: Lab, address: string): Promise<Map<string, Set<string>>> {
  const target = { protocol: 'http', address, port: NODE_PORT, path: '/client', count: 60 } as const
  const outcomes = await lab.dial('outside', target)
  const seen = new Map<string, Set<string>>()
  for (const { pod, answer = '', error } of outcomes) {
    const who = pod ?? `(${error})`
    seen.set(who, (seen.get(who) ?? new Set()).add(answer.replace(/:\d+$/, '')))
  }
  return new Map([...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

export async function outside(lab: Lab): Promise<void> {
  heading('A client outside dials a nodePort, on each node')
  await writeFile(join(lab.manifests, 'outside.yaml'), OUTSIDE_MANIFEST)
  await untilAnswered(lab)
  const client = lab.plan.outside[0]!.addresses.v4
  for (const node of lab.plan.nodes) {
    const seen = await clientsSeen(lab, node.addresses.v4)
    const nodeOf = (pod: string) => lab.plan.pods.find(({ name }) => name === pod)?.node ?? ''
    say(`\n  60 connections from ${client} to ${node.name}, ${node.addresses.v4}:${NODE_PORT}:`)
    table(
      ['answered by', 'on node', 'saw as its client'],
      [...seen].map(([pod, clients]) => [pod, nodeOf(pod), [...clients].join(', ')]),
    )
    const right = [...seen].every(([pod, clients]) => {
      const wanted = nodeOf(pod) === node.name ? client : node.addresses.v4
      return clients.size === 1 && clients.has(wanted)
    })
    expect(seen.size === backends(lab).length, 'all backends answered, those of the other node too')
    expect(right, "backends of this node saw the client's own address, others this node's, to which they reply")
  }
  await withoutBackend(lab, client)
}

/** node2 keeps no backend: what it is dialled for goes on to node1. */
async function withoutBackend(lab: Lab, client: string): Promise<void> {
  const there = lab.plan.pods.filter(({ serve, node }) => serve !== undefined && node === 'node2')
  const manifests = await Promise.all(there.map(({ name }) => readFile(lab.podFile(name), 'utf8')))
  await Promise.all(there.map(({ name }) => rm(lab.podFile(name))))
  await sleep(FOLLOW_LIMIT_MS)
  const seen = await clientsSeen(lab, lab.plan.nodes[1]!.addresses.v4)
  say(
    `\n  ${there.map(({ name }) => name).join(', ')} taken away: node2 has no backend. 60 connections from ${client} to it:`,
  )
  table(
    ['answered by', 'saw as its client'],
    [...seen].map(([pod, clients]) => [pod, [...clients].join(', ')]),
  )
  expect(
    seen.size > 0 &&
      [...seen.keys()].every(pod => lab.plan.pods.some(({ name, node }) => name === pod && node === 'node1')),
    'a node without a backend serves, too',
  )
  await Promise.all(there.map(({ name }, i) => writeFile(lab.podFile(name), manifests[i]!)))
  await sleep(FOLLOW_LIMIT_MS)
}

async function untilAnswered(lab: Lab): Promise<void> {
  for (const { addresses } of lab.plan.nodes)
    for (let tries = 0; tries < 100; tries++) {
      const [outcome] = await lab.dial('outside', {
        protocol: 'http',
        address: addresses.v4,
        port: NODE_PORT,
        timeout: 1000,
      })
      if (outcome?.pod !== undefined) break
      await sleep(50)
    }
}

const XDP_CONNECTIONS = 300

/** node1 sends on what is for node2's backends, first by its program at tc, then by the one at XDP, before the stack sees a packet. */
export async function beforeTheStack(lab: Lab): Promise<void> {
  heading('The same nodePort with XDP, at the uplink of node1')
  const rows: string[][] = []
  for (const mode of ['off', 'native']) {
    await lab.stopAgent('node1')
    await lab.startAgent('node1', { config: { xdp: mode } })
    const target = { protocol: 'http', address: lab.plan.nodes[0]!.addresses.v4, port: NODE_PORT } as const
    const outcomes = await lab.dial('outside', { ...target, count: XDP_CONNECTIONS })
    const status = await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])
    const { xdp } = JSON.parse(status.stdout) as { readonly xdp: readonly { device: string; mode: string }[] }
    const modes = xdp.map(uplink => `${uplink.device} ${uplink.mode}`).join(', ')
    const times = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)
    const answered = XDP_CONNECTIONS - failuresAmong(outcomes)
    rows.push([`xdp: ${mode}`, modes, String(answered), `${times[XDP_CONNECTIONS >> 1]!.toFixed(2)} ms`])
    expect(answered === XDP_CONNECTIONS, `xdp: ${mode}: ${answered} of ${XDP_CONNECTIONS} connections were answered`)
    expect(modes.endsWith(mode), `evenkeel status: ${modes}`)
  }
  table(['configuration', 'evenkeel status', 'answered', 'median of a connection'], rows)
}
