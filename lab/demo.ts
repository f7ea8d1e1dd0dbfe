// SPDX-License-Identifier: Apache-2.0
/** `make demo`: what Evenkeel does, on real connections, in a lab of two nodes. A failed expectation fails the command. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatTable } from '../agent/cli/output.ts'
import { pinFolder } from '../agent/kernel/pins.ts'
import { bpffsFolder } from './bpffs.ts'
import { failed } from './command.ts'
import { type Dialled, type DialOptions, dialArguments } from './dial.ts'
import { LabError } from './error.ts'
import type { Lab } from './lab.ts'
import { bpffsMount } from './mount.ts'
import { PROJECT_FOLDER } from './names.ts'
import { upLab } from './up.ts'

const CONNECTIONS = 300
const TRANSFERS = 6
const TRANSFER_BYTES = 3_000_000
const TRANSFER_SECONDS = 6
/** How soon after a backend has gone no new connection may reach it. */
const FOLLOW_LIMIT_MS = 2000
const PORT = 80

const failures: string[] = []

function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

function heading(title: string): void {
  say(`\n== ${title}`)
}

function expect(holds: boolean, sentence: string): void {
  say(`  ${holds ? 'ok  ' : 'FAIL'} ${sentence}`)
  if (!holds) failures.push(sentence)
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  for (const line of formatTable(head, rows).split('\n')) say(`  ${line}`)
}

/** Who answered how often; failures count under their code. */
function tally(outcomes: readonly Dialled[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { pod, error } of outcomes) {
    const who = pod ?? `(${error})`
    counts.set(who, (counts.get(who) ?? 0) + 1)
  }
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function failuresAmong(outcomes: readonly Dialled[]): number {
  return outcomes.filter(({ error }) => error !== undefined).length
}

function backends(lab: Lab): string[] {
  return lab.plan.pods.filter(({ serve }) => serve !== undefined).map(({ name }) => name)
}

/** The address that a Service was given, as the node's maps have it. */
async function clusterIP(lab: Lab, service: string, family: 4 | 6): Promise<string> {
  const result = await lab.exec('node1', ['evenkeel', 'services', '-o', 'json'])
  if (result.code !== 0) throw failed('evenkeel services', result)
  const live = JSON.parse(result.stdout) as readonly { readonly service: string; readonly frontend: string }[]
  const addresses = live
    .filter(({ service: name }) => name.startsWith(`default/${service}:`))
    .map(({ frontend }) => frontend.replace(/:\d+\/\w+$/, '').replace(/^\[(.*)\]$/, '$1'))
  const found = addresses.find(address => address.includes(':') === (family === 6))
  if (found) return found
  throw new LabError(`Service default/${service} has no IPv${family} address on node1:\n${result.stdout}`)
}

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

async function spread(lab: Lab): Promise<void> {
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

async function affinity(lab: Lab): Promise<void> {
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

async function outside(lab: Lab): Promise<void> {
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

interface Timed extends Dialled {
  readonly at: number
}

/** Dials on in the background, and tells when each outcome came. */
function watchDial(
  lab: Lab,
  where: string,
  options: DialOptions,
): { readonly outcomes: Timed[]; readonly end: Promise<void> } {
  const child = lab.spawn(where, dialArguments(options), { stdio: ['ignore', 'pipe', 'inherit'] })
  const outcomes: Timed[] = []
  const lines = createInterface({ input: child.stdout! })
  const read = async () => {
    for await (const line of lines) outcomes.push({ at: performance.now(), ...JSON.parse(line) })
  }
  return { outcomes, end: read() }
}

async function removal(lab: Lab): Promise<void> {
  heading('A backend goes while transfers run; no connection is lost')
  const gone = 'hostnames-1'
  const target = { protocol: 'http', address: await clusterIP(lab, 'hostnames', 4), port: PORT } as const
  const path = `/trickle/${TRANSFER_BYTES}?seconds=${TRANSFER_SECONDS}`
  const limits = { timeout: 30_000, count: TRANSFERS, parallel: TRANSFERS }
  const transfers = lab.dial('client', { ...target, ...limits, path })
  const fresh = watchDial(lab, 'client', { ...target, seconds: TRANSFER_SECONDS - 1, pause: 5 })
  await sleep(2000)
  const manifest = await readFile(lab.podFile(gone), 'utf8')
  await rm(lab.podFile(gone))
  const removed = performance.now()
  const file = lab.podFile(gone).slice(lab.manifests.length + 1)
  say(
    `  ${TRANSFERS} transfers of ${TRANSFER_BYTES / 1e6} MB run, ${TRANSFER_SECONDS} s each, and new connections all the time.`,
  )
  say(`  After 2 s, ${file} is removed from the manifests.`)
  const [done] = await Promise.all([transfers, fresh.end])
  reportRemoval(gone, removed, done, fresh.outcomes)
  await comesBack(lab, gone, manifest, target)
}

function reportRemoval(gone: string, removed: number, transfers: readonly Dialled[], fresh: readonly Timed[]): void {
  const before = tally(fresh.filter(({ at }) => at < removed))
  const settled = fresh.filter(({ at }) => at >= removed + FOLLOW_LIMIT_MS)
  const [after, moved] = [tally(settled), tally(transfers)]
  const names = [...new Set([...before.keys(), ...after.keys(), ...moved.keys()])].toSorted()
  const columns = [
    'backend',
    'new connections before',
    `from ${FOLLOW_LIMIT_MS / 1000} s after on`,
    'transfers completed',
  ]
  table(
    columns,
    names.map(name => [name, before.get(name) ?? 0, after.get(name) ?? 0, moved.get(name) ?? 0]),
  )
  const last = fresh.findLast(({ pod }) => pod === gone)
  const late = Math.max(0, Math.round((last?.at ?? 0) - removed))
  say(`  The last new connection to ${gone} came ${late} ms after the removal.`)
  const whole = transfers.filter(({ bytes, error }) => bytes === TRANSFER_BYTES && error === undefined)
  expect(before.has(gone), `${gone} was in use before`)
  expect(settled.length > 0 && !after.has(gone), `no new connection reached ${gone} any more`)
  expect(failuresAmong(fresh) === 0, `none of ${fresh.length} new connections failed`)
  expect(whole.length === TRANSFERS, `all ${TRANSFERS} transfers came through whole, through ${gone} too`)
  expect(
    [...moved.keys()].some(pod => pod !== gone),
    'a transfer ran through another backend',
  )
}

async function comesBack(lab: Lab, gone: string, manifest: string, target: DialOptions): Promise<void> {
  await writeFile(lab.podFile(gone), manifest)
  const { outcomes, end } = watchDial(lab, 'client', { ...target, seconds: FOLLOW_LIMIT_MS / 1000, pause: 5 })
  await end
  expect(tally(outcomes).has(gone), `with its manifest back, ${gone} gets connections again`)
}

const XDP_CONNECTIONS = 300

/** node1 sends on what is for node2's backends, first by its program at tc, then by the one at XDP, before the stack sees a packet. */
async function beforeTheStack(lab: Lab): Promise<void> {
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

const EXCERPT_LINES = 16

async function maps(lab: Lab): Promise<void> {
  heading('The live maps of node1, as bpftool prints them')
  const folder = pinFolder(bpffsFolder(await bpffsMount(), lab.name, 'node1')).path
  const first = ['key', '1', '0', '0', '0']
  for (const [map, argv, has] of [
    ['ek_frontends', ['dump', 'pinned', join(folder, 'ek_frontends')], 'table'],
    ['ek_backends', ['lookup', 'pinned', join(folder, 'ek_backends'), ...first], 'generation'],
    ['ek_affinity', ['dump', 'pinned', join(folder, 'ek_affinity')], 'used'],
  ] as const) {
    const { code, stdout, stderr } = await lab.exec('node1', ['bpftool', 'map', ...argv])
    const lines = (stdout || stderr).trimEnd().split('\n')
    say(
      `\n  bpftool map ${argv[0]} ${map}${lines.length > EXCERPT_LINES ? ` (${EXCERPT_LINES} of ${lines.length} lines)` : ''}`,
    )
    for (const line of lines.slice(0, EXCERPT_LINES)) say(`    ${line.replaceAll('\t', '  ')}`)
    expect(code === 0 && stdout.includes(`"${has}"`), `${map} reads with its types`)
  }
}

async function overview(lab: Lab): Promise<void> {
  heading('A cluster of two nodes, without a CNI, in network namespaces')
  table(
    ['pod', 'node', 'IPv4', 'IPv6'],
    lab.plan.pods.map(({ name, node, addresses }) => [name, node, addresses.v4, addresses.v6]),
  )
  const services = await lab.exec('node1', ['evenkeel', 'services'])
  if (services.code !== 0) throw failed('evenkeel services', services)
  say('\n  evenkeel lab exec node1 -- evenkeel services')
  for (const line of services.stdout.trimEnd().split('\n')) say(`  ${line}`)
}

async function main(): Promise<number> {
  const files = [join(PROJECT_FOLDER, 'examples/lab/topology.yaml'), join(PROJECT_FOLDER, 'examples')]
  const name = `demo${process.pid}`
  await using lab = await upLab({ name, files, config: { xdp: 'off' }, progress: line => say(`   ${line}`) })
  const began = performance.now()
  // The maps come before a backend goes: affinity to it goes, too.
  for (const scene of [overview, spread, affinity, maps, outside, beforeTheStack, removal]) await scene(lab)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  heading(failures.length === 0 ? `All as expected, in ${seconds} s` : `${failures.length} expectations failed`)
  for (const sentence of failures) say(`  ${sentence}`)
  say('  The lab is taken down. To play with one: evenkeel lab up --help')
  return failures.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(
    `demo: ${error instanceof LabError ? error.message : error instanceof Error ? error.stack : error}\n`,
  )
  process.exitCode = 1
}
