// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { tearDown } from '../../lab/teardown.ts'
import { startEvenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

const name = `c${process.pid}`
t.teardown(() => tearDown(name))

for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  t.test(`${signal} during up leaves nothing`, async t => {
    const up = startEvenkeel('lab', 'up', '--no-agents', '--name', name)
    const closed = once(up, 'close')
    await once(up.stderr!, 'data')
    await sleep(40)
    t.not(leftovers(name).length, 0)
    up.kill(signal)
    t.same((await closed)[0], code)
    t.same(leftovers(name), [])
  })
}

/** A program that brings a lab up, says so, and then does as told. */
function program(then: string) {
  const upModule = join(PROJECT_FOLDER, 'lab/up.ts')
  const topology = "{ nodes: [{ name: 'n' }] }"
  const source = `import { upLab } from '${upModule}'
    const lab = await upLab({ name: '${name}', agents: false, topology: ${topology} })
    console.log(lab.name)
    ${then}`
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

t.test("a program's lab ends with the program", async t => {
  for (const [then, code] of [
    ['process.exit(3)', 3],
    ["throw new Error('on purpose')", 1],
  ] as const) {
    const child = program(then === 'process.exit(3)' ? then : `process.stderr.write = () => true; ${then}`)
    t.same((await once(child, 'close'))[0], code, then)
    t.same(leftovers(name), [])
  }
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGALRM', 142],
  ] as const) {
    const child = program('setInterval(() => {}, 1000)')
    const closed = once(child, 'close')
    await once(child.stdout, 'data')
    t.not(leftovers(name).length, 0)
    child.kill(signal)
    t.same((await closed)[0], code, signal)
    t.same(leftovers(name), [])
  }
})
