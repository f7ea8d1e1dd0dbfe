// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { holdExclusively } from '../../agent/kernel/exclusive.ts'
import { MismatchError } from '../../agent/kernel/mismatch.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'

const folder = pinFolder(`/sys/fs/bpf/ek-hold-${process.pid}`)
const script = `
const { holdExclusively } = await import(${JSON.stringify(new URL('../../agent/kernel/exclusive.ts', import.meta.url).href)})
await holdExclusively(${JSON.stringify(folder)})
console.log('held')
setInterval(() => {}, 1000)`

t.test('a second agent is refused, until the first one ends', async t => {
  const release = await holdExclusively(folder)
  const second = await holdExclusively(folder).catch(error => error)
  t.type(second, MismatchError)
  t.match(second.message, /Another agent runs with the maps in .*ek-hold/)
  t.ok(await holdExclusively(pinFolder('/sys/fs/bpf/ek-other')), 'another folder is free')
  release()
  const again = await holdExclusively(folder)
  again()
})

t.test('a killed agent holds nothing', async t => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  t.type(await holdExclusively(folder).catch(error => error), MismatchError)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const release = await holdExclusively(folder)
  t.type(release, 'function')
  release()
})
