// SPDX-License-Identifier: Apache-2.0
/** A SYN flood at a nodePort, from forged addresses: what becomes of established connections, and of new clients. */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { upLab } from '../lab/up.ts'
import { compileProgram } from './programs.ts'
import { benchOptions, publish } from './report.ts'

const { connections, seconds, flows } = benchOptions(
  'A SYN flood at a nodePort: connections that are lost, new ones that fail.',
  {
    connections: [1_000, 'that are held, idle, while it lasts'],
    seconds: [10, 'that it lasts; at most 60'],
    flows: [65_536, 'entries of ek_flows: room for half as many connections'],
  },
)

const NODE_PORT = 30_080
const PORT = 7_000

const topology = {
  nodes: [{ name: 'node1' }, { name: 'node2' }],
  pods: ['node1', 'node2'].map(node => ({
    name: `on-${node}`,
    node,
    labels: { app: 'echo' },
    ports: [{ name: 'tcp', port: PORT, protocol: 'TCP' as const }],
  })),
  outside: ['client', 'attacker'],
}

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo' },
  spec: {
    type: 'NodePort',
    selector: { app: 'echo' },
    ports: [{ name: 'tcp', port: 80, targetPort: 'tcp', nodePort: NODE_PORT }],
  },
}

const manifests = { 'echo.yaml': stringify(service) }
const lab = await upLab({ name: `f${process.pid}`, topology, manifests, config: { sizes: { flows } } })
try {
  const server = compileProgram('server')
  const flood = compileProgram('flood')
  for (const node of ['node1', 'node2']) {
    const child = lab.spawn(`on-${node}`, [server, String(PORT)], { stdio: ['ignore', 'pipe', 'inherit'] })
    await createInterface({ input: child.stdout! })[Symbol.asyncIterator]().next()
  }
  const node = lab.plan.nodes[0]!.addresses.v4
  const script = join(import.meta.dirname, 'flood-client.ts')
  const argv = [process.execPath, script, node, String(NODE_PORT), String(connections)]
  const client = lab.spawn('client', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: client.stdout! })[Symbol.asyncIterator]()
  const say = async (line: string) => {
    client.stdin!.write(line)
    const { value, done } = await lines.next()
    if (done) throw new Error('the client ended')
    return String(value).split(' ').map(Number)
  }
  await lines.next()
  process.stderr.write(`${connections} connections stand; ${seconds} seconds of flood\n`)
  const [sent, [dialled = 0, failed = 0]] = await Promise.all([
    lab.exec('attacker', [flood, node, String(NODE_PORT), String(seconds)], { timeout: (seconds + 30) * 1_000 }),
    say(`dial ${seconds}\n`),
  ])
  const [lost = 0] = await say('')
  client.stdin!.end()
  const packets = Number(sent.stdout)
  const report = {
    part: 'flood',
    method: `one client holds connections and opens new ones, one after the other, while another sends SYNs; ek_flows has ${flows} entries`,
    rows: [
      { what: 'forged SYNs', value: packets, unit: '' },
      { what: 'forged SYNs a second', value: packets / seconds, unit: '' },
      { what: `established connections lost, of ${connections}`, value: lost, unit: '', target: { must: 0, aim: 0 } },
      { what: 'new connections that were served meanwhile', value: dialled - failed, unit: '' },
      { what: 'new connections that were not', value: failed, unit: '', target: { must: 0, aim: 0 } },
    ],
    controls: [],
  }
  publish(report)
} finally {
  await lab.down()
}
