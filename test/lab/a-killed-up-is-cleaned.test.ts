// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { tearDown } from '../../lab/teardown.ts'
import { evenkeel, startEvenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

const name = `b${process.pid}`
t.teardown(() => tearDown(name))

/** Starts `up` and kills it, some milliseconds after it began to make things. */
async function killUp(afterMilliseconds: number): Promise<void> {
  const up = startEvenkeel('lab', 'up', '--no-agents', '--name', name)
  const ended = once(up, 'close')
  await once(up.stderr!, 'data')
  await sleep(afterMilliseconds)
  up.kill('SIGKILL')
  await ended
}

for (const milliseconds of [0, 15, 30, 60, 120]) {
  t.test(`down removes what up left when it was killed after ${milliseconds} ms`, async t => {
    await killUp(milliseconds)
    t.not(leftovers(name).length, 0, 'something was left')
    const down = await evenkeel('lab', 'down', '--name', name)
    t.equal(down.code, 0, down.stderr)
    t.same(leftovers(name), [])
  })
}

t.test('the next up takes over what a killed one left', async t => {
  for (const milliseconds of [0, 25, 70]) {
    await killUp(milliseconds)
    const up = await evenkeel('lab', 'up', '--no-agents', '--name', name)
    t.equal(up.code, 0, up.stderr)
    const exec = await evenkeel(
      'lab',
      'exec',
      '--name',
      name,
      'client',
      '--',
      'ping',
      '-c',
      '1',
      '-W',
      '2',
      '10.244.2.2',
    )
    t.ok(exec.code === 0 || /No such file/.test(exec.stderr), exec.stderr)
    await evenkeel('lab', 'down', '--name', name)
    t.same(leftovers(name), [])
  }
})

t.test('status tells of a lab that was left behind', async t => {
  await killUp(30)
  const status = await evenkeel('lab', 'status', '--name', name)
  t.match(status.stdout, `lab ${name}: left behind`)
  await tearDown(name)
})
