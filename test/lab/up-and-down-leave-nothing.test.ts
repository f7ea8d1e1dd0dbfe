// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { tearDown } from '../../lab/teardown.ts'
import { upLab } from '../../lab/up.ts'
import { leftovers, machineDevices } from './leftovers.ts'

t.setTimeout(120_000)

const name = `a${process.pid}`
t.teardown(() => tearDown(name))

t.test('a lab that goes down leaves nothing', async t => {
  const devices = machineDevices()
  const lab = await upLab({ name, agents: false })
  t.equal(
    leftovers(name).filter(thing => thing.startsWith('/run/netns/')).length,
    8,
    '2 nodes, 4 pods, outside, fabric',
  )
  t.ok(
    leftovers(name).some(thing => thing.startsWith('process ')),
    'pods run',
  )
  t.same(machineDevices(), devices, "the machine's own network is as before")
  // What a user leaves running goes too.
  lab.spawn('client', ['sleep', '1000'], { stdio: 'ignore' })
  await lab.down()
  t.same(leftovers(name), [])
  t.same(machineDevices(), devices)
})

t.test('down may be called twice', async t => {
  const lab = await upLab({ name, agents: false, topology: { nodes: [{ name: 'n' }] } })
  await lab.down()
  await t.resolves(lab.down())
})

t.test('a lab goes down at the end of its block, also when that throws', async t => {
  const use = async () => {
    await using lab = await upLab({ name, agents: false, topology: { nodes: [{ name: 'n' }] } })
    throw new Error(`thrown in ${lab.name}`)
  }
  await t.rejects(use(), { message: `thrown in ${name}` })
  t.same(leftovers(name), [])
})

t.test('a lab that fails half-way leaves nothing', async t => {
  const port = { name: 'http', port: 9376 }
  const pod = { name: 'twice', node: 'n', serve: 'hostnames' as const, ports: [port, port] }
  const up = upLab({ name, agents: false, topology: { nodes: [{ name: 'n' }], pods: [pod] } })
  await t.rejects(
    up,
    { message: /server of pod twice ended with code \d+ before it was ready.*EADDRINUSE/s },
    'shows the log',
  )
  t.same(leftovers(name), [])
})
