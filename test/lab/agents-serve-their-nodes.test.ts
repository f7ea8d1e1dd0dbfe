// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { tearDown } from '../../lab/teardown.ts'
import { upLab } from '../../lab/up.ts'
import { evenkeel, startEvenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

const name = `i${process.pid}`
const VIP = '10.96.0.100'
const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: hostnames }
spec: { clusterIP: ${VIP}, selector: { app: hostnames }, ports: [{ port: 80, targetPort: http }] }
`
const target = { protocol: 'http', address: VIP, port: 80, count: 60 } as const

t.test('each node has an agent, and pods of all nodes reach Services', async t => {
  const nodes = [{ name: 'node1' }, { name: 'node2' }]
  const hostnames = ['node1', 'node2'].map(node => ({
    name: `web-${node}`,
    node,
    labels: { app: 'hostnames' },
    serve: 'hostnames' as const,
  }))
  const clients = ['node1', 'node2'].map(node => ({ name: `client-${node}`, node }))
  const lab = await upLab({
    name,
    topology: { nodes, pods: [...hostnames, ...clients] },
    manifests: { 'a.yaml': SERVICE },
  })
  t.teardown(() => lab.down())

  const reached = async (client: string) =>
    [...new Set((await lab.dial(client, target)).map(({ pod, error }) => pod ?? error))].toSorted()
  for (const { name } of clients) t.same(await reached(name), ['web-node1', 'web-node2'], name)

  await t.test('a command on a node reads the maps of that node', async t => {
    for (const node of ['node1', 'node2']) {
      const status = await lab.exec(node, ['evenkeel', 'status', '-o', 'json'])
      t.equal(status.code, 0, status.stderr)
      t.match(JSON.parse(status.stdout).pins, `/ek-lab-${name}-${node}/`)
    }
  })

  await t.test('with its agent stopped a node serves on; a new agent follows what changed', async t => {
    await lab.stopAgent('node1')
    t.same(await reached('client-node1'), ['web-node1', 'web-node2'])
    await t.rejects(lab.stopAgent('node1'), { message: /agent of node1 does not run/ })
    rmSync(lab.podFile('web-node2'))
    await lab.startAgent('node1')
    t.same(await reached('client-node1'), ['web-node1'])
    await t.rejects(lab.startAgent('node1'), { message: /agent of node1 runs already/ })
  })

  await lab.down()
  t.same(leftovers(name), [], 'pins and agents are gone too')
})

t.test('an agent that does not start is shown with the end of its log, and nothing is left', async t => {
  const up = upLab({ name, config: { sizes: { flows: 'many' } } })
  await t.rejects(up, { message: /the agent of node\d ended with code \d+ before it was ready.*sizes\.flows/s })
  t.same(leftovers(name), [])
})

t.test('a file that is no configuration is named before anything is made', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [list, none] = ['list.yaml', 'none'].map(name => join(folder, name)) as [string, string]
  writeFileSync(list, '- a\n')
  const up = (config: string) => evenkeel('lab', 'up', '--name', name, '--config', config)
  t.match(await up(list), { code: 1, stderr: /^evenkeel: .*list\.yaml: is no configuration/ })
  t.match(await up(none), { code: 1, stderr: /^evenkeel: .*none: can't be read as a configuration/ })
  t.same(leftovers(name), [])
})

t.test('down removes what up left when it was killed while agents start', async t => {
  t.teardown(() => tearDown(name))
  for (const milliseconds of [50, 250, 500]) {
    const up = startEvenkeel('lab', 'up', '--name', name)
    const said = new Promise<void>(resolve => {
      up.stderr!.on('data', chunk => String(chunk).includes('network: up') && resolve())
    })
    await said
    await sleep(milliseconds)
    up.kill('SIGKILL')
    t.not(leftovers(name).length, 0)
    const down = await evenkeel('lab', 'down', '--name', name)
    t.equal(down.code, 0, down.stderr)
    t.same(leftovers(name), [], `killed ${milliseconds} ms after the network was up`)
  }
})
