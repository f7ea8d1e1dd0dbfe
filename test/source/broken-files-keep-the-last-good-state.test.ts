// SPDX-License-Identifier: Apache-2.0
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answering, makeFolder, service, slice, watchFolder } from './folder.ts'

const text = (port: number | string) => `apiVersion: v1
kind: Service
metadata:
  name: a
spec:
  ports:
  - port: ${port}
---
apiVersion: v1
kind: Service
metadata:
  name: b
spec:
  ports:
  - port: ${port}
`

t.test('a half-written file counts as it was, until it is whole again', async t => {
  const folder = makeFolder(t, { 'web.yaml': text(80), 'other.yaml': [service('c')] })
  const run = await watchFolder(t, folder.path)
  const ports = () => [...run.services.values()].map(({ service }) => service.ports[0]?.port)
  t.same(ports(), [80, 80, 80])
  folder.write('web.yaml', `${text(81).slice(0, -10)}"`)
  await run.until(() => run.problems().length > 0)
  t.match(run.problems(), [/^error web\.yaml:1[45]: not valid YAML: .* Until it is mended, the file counts as it was/])
  t.equal(run.updates.length, 1, 'nothing changed')
  folder.write('other.yaml', [service('c'), service('d')])
  await run.until(() => run.services.has('default/d'))
  t.same(ports(), [80, 80, 80, 80], 'the other files go on')
  folder.write('web.yaml', text(82))
  await run.until(() => run.services.get('default/b')?.service.ports[0]?.port === 82)
  t.same(run.problems(), [])
  t.same(ports().filter(port => port === 82).length, 2)
})

t.test('a file that is no text, or has no end of depth, counts as it was', async t => {
  const folder = makeFolder(t, { 'web.yaml': text(80) })
  const run = await watchFolder(t, folder.path)
  const broken: readonly (readonly [string | Buffer, RegExp])[] = [
    [
      Buffer.from(`\ufeff${text(81)}`, 'utf16le'),
      /^error web\.yaml: not UTF-8: save it in that encoding\. Until it is mended/,
    ],
    [Buffer.from(`${text(81)}# caf\xe9\n`, 'latin1'), /not UTF-8/],
    [`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`, /^error web\.yaml:1: not valid YAML: it is nested too deeply/],
  ]
  for (const [content, problem] of broken) {
    writeFileSync(join(folder.path, 'web.yaml'), content)
    await run.until(() => run.problems().some(line => problem.test(line)))
  }
  t.equal(run.updates.length, 1, 'nothing changed')
  folder.write('web.yaml', `\ufeff${text(82).replaceAll('\n', '\r\n')}`)
  await run.until(() => run.services.get('default/b')?.service.ports[0]?.port === 82)
  t.same(run.problems(), [], 'a byte order mark and line ends of Windows are text')
})

t.test('one object that is wrong counts as it was, the others as they are', async t => {
  const folder = makeFolder(t, { 'web.yaml': text(80) })
  const run = await watchFolder(t, folder.path)
  folder.write('web.yaml', text(81).replace('port: 81', 'port: 810000'))
  await run.until(() => run.problems().length > 0)
  t.match(run.problems(), [/^error web\.yaml:7: Service default\/a: spec\.ports\[0\]\.port: 810000 is not a port/])
  t.equal(run.services.get('default/a')?.service.ports[0]?.port, 80)
  t.equal(run.services.get('default/b')?.service.ports[0]?.port, 81)
  folder.write('web.yaml', text(81).split('---\n')[1] ?? '')
  await run.until(() => !run.services.has('default/a'))
  t.same(run.problems(), [])
})

t.test('written byte by byte, no Service is ever lost', async t => {
  const folder = makeFolder(t, { 'web.yaml': text(80) })
  const run = await watchFolder(t, folder.path, { debounceMs: 1 })
  const whole = text(80).repeat(3).replaceAll('name: a', 'name: x')
  for (let end = text(80).length; end <= whole.length; end += 7) {
    writeFileSync(join(folder.path, 'web.yaml'), `${text(80)}---\n${whole.slice(0, end)}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  await run.settle()
  for (const { services } of run.updates) for (const [key, view] of services) t.ok(view, `${key} stays`)
})

t.test('what was never right leaves the picture incomplete', async t => {
  const folder = makeFolder(t, {
    'web.yaml': text(80),
    'bad.yaml': 'a: "b',
    'wrong.yaml': text('"x"').replaceAll('name: ', 'name: w'),
  })
  const run = await watchFolder(t, folder.path)
  t.same([...run.services.keys()], ['default/a', 'default/b'])
  t.match(run.updates, [{ incomplete: true }])
  folder.write('bad.yaml', [service('c')])
  await run.until(() => run.services.has('default/c'))
  t.equal(run.updates.at(-1)?.incomplete, true)
  folder.remove('wrong.yaml')
  await run.until(() => run.updates.at(-1)?.incomplete === false)
  folder.write('bad.yaml', 'a: "b')
  await run.until(() => run.problems().length > 0)
  t.equal(run.updates.at(-1)?.incomplete, false, 'its last good state is known')
})

t.test('a slice that is wrong counts as it was', async t => {
  const folder = makeFolder(t, { 'web.yaml': [service('a'), slice('a-1', 'a', ['10.1.0.1'])] })
  const run = await watchFolder(t, folder.path)
  folder.write('web.yaml', [service('a'), slice('a-1', 'a', ['10.1.0.1', 'nonsense'])])
  await run.until(() => run.problems().length > 0)
  t.same(answering(run.services.get('default/a')), ['10.1.0.1:8080'])
})

t.test('a folder that is gone counts as it was, and is read when it is back', async t => {
  const folder = makeFolder(t, { 'in/web.yaml': text(80) })
  const inside = join(folder.path, 'in')
  const run = await watchFolder(t, inside)
  renameSync(inside, join(folder.path, 'away'))
  await run.until(() => run.problems().length > 0)
  t.same(run.problems(), [
    "error FOLDER: can't be read (it does not exist): put it back or make it readable; until then all in it counts as it was",
  ])
  t.equal(run.services.size, 2)
  folder.write('in/web.yaml', text(81))
  await run.until(() => run.services.get('default/a')?.service.ports[0]?.port === 81)
  t.same(run.problems(), [])
})
