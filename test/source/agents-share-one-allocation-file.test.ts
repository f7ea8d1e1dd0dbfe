// SPDX-License-Identifier: Apache-2.0
/** Several processes, each with its own source, on one folder and one allocation file, while Services come and go. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { makeFolder, service } from './folder.ts'

const AGENTS = 4
const SERVICES = 60
/** Room for 125: full enough that hashes collide. */
const RANGE = '10.0.0.0/25'
const start = (path: string) => fork(`${import.meta.dirname}/agent.ts`, [path, RANGE])

type Ports = Readonly<Record<string, readonly (string | number)[]>>

t.test('they agree, and no two Services have the same', async t => {
  const folder = makeFolder(t, { 's0.yaml': [service('s0', { type: 'NodePort' })] })
  const agents = Array.from({ length: AGENTS }, () => start(folder.path))
  t.teardown(() => agents.map(child => child.kill('SIGKILL')))
  const known = new Map<ChildProcess, Ports>()
  for (const child of agents) child.on('message', message => known.set(child, message as Ports))
  for (let i = 1; i < SERVICES; i++) {
    folder.write(`s${i}.yaml`, [service(`s${i}`, { type: 'NodePort' })])
    if (i % 3 === 0) folder.remove(`s${i - 2}.yaml`)
    await sleep(10)
  }
  const standing = SERVICES - Math.floor((SERVICES - 1) / 3)
  const complete = () => known.size === AGENTS && [...known.values()].every(all => Object.keys(all).length === standing)
  for (const end = performance.now() + 20_000; !complete() && performance.now() < end; ) await sleep(20)
  await sleep(700)
  const [first, ...others] = agents.map(child => known.get(child))
  t.equal(Object.keys(first ?? {}).length, standing)
  for (const other of others) t.same(other, first)
  const values = Object.values(first ?? {}).flat()
  t.equal(new Set(values).size, 2 * standing)
  t.equal((readFileSync(`${folder.path}/.allocations`, 'utf8').match(/^"default/gm) ?? []).length >= standing, true)
  for (const child of agents) child.send('stop')
  for (const [code] of await Promise.all(agents.map(child => once(child, 'exit')))) t.equal(code, 0)
})

t.test('the lock of a process that died is broken', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const lock = `${folder.path}/.allocations.lock`
  writeFileSync(lock, 'pid:[1] 1 1 1')
  utimesSync(lock, new Date(), new Date(Date.now() - 60_000))
  const child = start(folder.path)
  t.teardown(() => child.kill('SIGKILL'))
  const [message] = await once(child, 'message')
  t.match(message, { 'default/a': [/^10\.0\.0\.\d+$/, 0] })
  child.send('stop')
  await once(child, 'exit')
  t.throws(() => readFileSync(lock))
})
