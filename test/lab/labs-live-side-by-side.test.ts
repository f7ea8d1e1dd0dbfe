// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { evenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

// One name begins with the other.
const names = [`d${process.pid}`, `d${process.pid}x`] as const

t.test('two labs with the same addresses do not meet', async t => {
  const [one, two] = await Promise.all(names.map(name => upLab({ name, agents: false })))
  t.teardown(async () => Promise.all([one!.down(), two!.down()]))
  const target = { protocol: 'http', address: one!.address('hostnames-2'), port: 9376, path: '/client' } as const
  t.match(await one!.dial('client', target), [{ pod: 'hostnames-2', answer: /^10\.244\.1\.2:/ }])
  await one!.down()
  t.same(
    leftovers(names[0]).filter(thing => !thing.includes(names[1])),
    [],
    'the one is gone',
  )
  t.match(await two!.dial('client', target), [{ pod: 'hostnames-2' }], 'the other still works')
})

t.test('a name that is taken is refused, and the lab that has it goes on', async t => {
  await using lab = await upLab({ name: names[0], agents: false })
  await t.rejects(upLab({ name: names[0], agents: false }), { message: /is up already.*choose another --name/ })
  const again = await evenkeel('lab', 'up', '--no-agents', '--name', names[0])
  t.equal(again.code, 1)
  t.match(again.stderr, /is up already/)
  t.match(await lab.dial('client', { protocol: 'http', address: lab.address('hostnames-0'), port: 9376 }), [
    { pod: 'hostnames-0' },
  ])
})

t.test('of two that bring up the same name at once, one gets it', async t => {
  const both = await Promise.allSettled([1, 2].map(() => upLab({ name: names[0], agents: false })))
  const won = both.filter(result => result.status === 'fulfilled')
  t.equal(won.length, 1)
  t.match(await won[0]!.value.dial('client', { protocol: 'udp', address: '10.244.2.2', port: 9376 }), [
    { pod: 'hostnames-2' },
  ])
  await won[0]!.value.down()
  t.same(leftovers(names[0]), [])
})
