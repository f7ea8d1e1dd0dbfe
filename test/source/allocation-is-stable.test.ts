// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeFolder, service, watchFolder } from './folder.ts'

const SMALL = { serviceCIDRs: ['10.0.0.0/28'] }

t.test('across restarts, in a range so full that the order of arrival decides', async t => {
  const folder = makeFolder(t)
  const allocationFile = `${folder.path}/.state/allocations.json`
  const options = { ...SMALL, allocationFile }
  const had = new Map<string, readonly string[]>()
  for (const name of ['m', 'z', 'a', 'k', 'c', 'x', 'b', 'q', 'd', 'w', 'e', 'f']) {
    folder.write(`${name}.yaml`, [service(name)])
    const run = await watchFolder(t, folder.path, options)
    await run.until(() => run.services.size === had.size + 1)
    for (const [key, { service }] of run.services) t.same(service.clusterIPs, had.get(key) ?? service.clusterIPs, key)
    for (const [key, { service }] of run.services) had.set(key, service.clusterIPs)
    await run.stop()
  }
  t.equal(new Set([...had.values()].flat()).size, had.size)
  const before = { text: readFileSync(allocationFile, 'utf8'), inode: statSync(allocationFile).ino }
  const again = await watchFolder(t, folder.path, options)
  t.equal(again.services.size, had.size)
  t.equal(statSync(allocationFile).ino, before.inode, 'nothing was written')
  t.equal(readFileSync(allocationFile, 'utf8'), before.text)
  t.notOk(existsSync(`${allocationFile}.lock`))
})

t.test('a Service that comes back has what it had; one that is long gone gave it back', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const allocationFile = `${folder.path}/.allocations`
  const run = await watchFolder(t, folder.path, { ...SMALL, allocationFile })
  const first = run.services.get('default/a')?.service.clusterIPs
  folder.remove('a.yaml')
  await run.until(() => run.services.size === 0)
  t.match(readFileSync(allocationFile, 'utf8'), /"default\/a": \{"slots":\{"clusterIP\/IPv4":"[\d.]+"\},"gone":\d+\}/)
  folder.write('a.yaml', [service('a')])
  await run.until(() => run.services.size === 1)
  t.same(run.services.get('default/a')?.service.clusterIPs, first)
  folder.remove('a.yaml')
  await run.until(() => run.services.size === 0)
  writeFileSync(allocationFile, readFileSync(allocationFile, 'utf8').replace(/"gone":\d+/, '"gone":1'))
  folder.write('b.yaml', [service('b')])
  await run.until(() => run.services.size === 1)
  t.notMatch(readFileSync(allocationFile, 'utf8'), 'default/a')
})

t.test('values of the gone are used when nothing else is left', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const run = await watchFolder(t, folder.path, { serviceCIDRs: ['10.0.0.0/30'] })
  t.same(run.services.get('default/a')?.service.clusterIPs, ['10.0.0.2'])
  folder.remove('a.yaml')
  folder.write('b.yaml', [service('b')])
  await run.until(() => run.services.has('default/b') && !run.services.has('default/a'))
  t.same(run.services.get('default/b')?.service.clusterIPs, ['10.0.0.2'])
  t.same(run.problems(), [])
})

t.test('a given address drives out an allocated one', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const run = await watchFolder(t, folder.path, SMALL)
  const [ip] = run.services.get('default/a')?.service.clusterIPs ?? []
  folder.write('b.yaml', [service('b', { clusterIP: ip })])
  await run.until(() => run.services.size === 2)
  t.same(run.services.get('default/b')?.service.clusterIPs, [ip])
  t.not(run.services.get('default/a')?.service.clusterIPs[0], ip)
  t.equal(run.services.get('default/a')?.service.clusterIPs.length, 1)
  t.same(run.problems(), [])
})

t.test('a file that is damaged holds everything back until it is mended', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const allocationFile = `${folder.path}/.allocations`
  writeFileSync(allocationFile, '{"version": 1, "serv')
  const run = await watchFolder(t, folder.path, { allocationFile })
  t.same(run.updates, [])
  t.same(run.problems(), [
    'error .allocations: is not a file of allocations: mend it, or remove it and let everything be allocated anew. Until then, changes of Services wait',
  ])
  folder.remove('.allocations')
  await run.until(() => run.services.size === 1)
  t.same(run.problems(), [])
})
