// SPDX-License-Identifier: Apache-2.0
/** Which backends clients of the cluster reach: all alike, or one for each client. */
import type { DialOptions } from '../dial.ts'
import type { Lab } from '../lab.ts'
import { backends, clusterIP, expect, failuresAmong, heading, say, table, tally } from './stage.ts'

const CONNECTIONS = 300
const PORT = 80

/** Five standard deviations of the multinomial distribution: an even spread is wider once in 1.7 million times. */
function isEven(counts: ReadonlyMap<string, number>, total: number, among: readonly string[]): boolean {
  const share = 1 / among.length
  const bound = 5 * Math.sqrt(total * share * (1 - share))
  return among.every(name => Math.abs((counts.get(name) ?? 0) - total * share) <= bound)
}

async function showSpread(lab: Lab, what: string, options: DialOptions): Promise<void> {
  const { address, port, count = 1 } = options
  const outcomes = await lab.dial('client', options)
  const counts = tally(outcomes)
  say(`\n  ${count} ${what} from node1/client to ${address.includes(':') ? `[${address}]` : address} port ${port}:`)
  const nodeOf = (pod: string) => lab.plan.pods.find(({ name }) => name === pod)?.node ?? ''
  const rows = [...counts].map(([pod, n]) => [
    pod,
    nodeOf(pod),
    n,
    `${Math.round((100 * n) / count)}%`,
    '#'.repeat((40 * n) / count),
  ])
  table(['answered by', 'node', 'times', 'share', ''], rows)
  expect(failuresAmong(outcomes) === 0 && outcomes.length === count, `each of the ${count} was answered`)
  expect(
    isEven(counts, count, backends(lab)),
    `all ${backends(lab).length} backends have an even share (within 5 standard deviations)`,
  )
}

export async function spread(lab: Lab): Promise<void> {
  heading('Connections spread over the backends')
  const common = { port: PORT, count: CONNECTIONS, parallel: 4 }
  await showSpread(lab, 'HTTP connections', {
    ...common,
    protocol: 'http',
    address: await clusterIP(lab, 'hostnames', 4),
  })
  await showSpread(lab, 'HTTP connections over IPv6', {
    ...common,
    protocol: 'http',
    address: await clusterIP(lab, 'hostnames-ipv6', 6),
  })
  await showSpread(lab, 'UDP datagrams, each from a new socket,', {
    ...common,
    protocol: 'udp',
    address: await clusterIP(lab, 'hostnames-udp', 4),
  })
}

export async function affinity(lab: Lab): Promise<void> {
  heading('A client with ClientIP affinity sticks to its backend')
  const address = await clusterIP(lab, 'hostnames-sticky', 4)
  const clients = ['node1/client', 'node2/client2']
  const rows = await Promise.all(
    clients.map(async client => {
      const outcomes = await lab.dial(client, { protocol: 'http', address, port: PORT, count: 50 })
      return { client, counts: tally(outcomes), all: outcomes.length === 50 && failuresAmong(outcomes) === 0 }
    }),
  )
  table(
    ['client', 'connections', 'answered by'],
    rows.map(({ client, counts }) => [client, 50, [...counts.keys()].join(', ')]),
  )
  for (const { client, counts, all } of rows)
    expect(all && counts.size === 1, `${client}: all 50 connections went to one backend`)
}
