// SPDX-License-Identifier: Apache-2.0
/** Every way in which files change, with the periodic look at everything switched off: the watches alone must see it. */
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answering, makeFolder, node, pod, service, slice, watchFolder } from './folder.ts'

const NEVER = { rescanMs: 3_600_000 }
const port = (n: number) => ({ ports: [{ port: n }] })

t.test('files that come, change, are renamed and go', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const run = await watchFolder(t, folder.path, NEVER)
  const portOf = (name: string) => run.services.get(`default/${name}`)?.service.ports[0]?.port
  folder.write('b.yaml', [service('b')])
  await run.until(() => portOf('b') === 80)
  folder.write('b.yaml', [service('b', port(81))])
  await run.until(() => portOf('b') === 81)
  const updates = run.updates.length
  renameSync(join(folder.path, 'b.yaml'), join(folder.path, 'c.yaml'))
  await run.settle()
  t.equal(portOf('b'), 81)
  t.equal(run.updates.length, updates, 'a new name changes nothing')
  folder.write('.c.yaml.swp', 'nonsense: "')
  folder.write('4913', 'nonsense: "')
  folder.write('c.yaml.new', [service('b', port(82))])
  renameSync(join(folder.path, 'c.yaml.new'), join(folder.path, 'c.yaml'))
  await run.until(() => portOf('b') === 82)
  folder.remove('c.yaml')
  await run.until(() => portOf('b') === undefined)
  t.same(run.problems(), [])
})

t.test('folders in it that come and go', async t => {
  const folder = makeFolder(t)
  const run = await watchFolder(t, folder.path, NEVER)
  folder.write('x/y/a.yaml', [service('a')])
  await run.until(() => run.services.has('default/a'))
  folder.write('x/y/b.yaml', [service('b')])
  await run.until(() => run.services.has('default/b'))
  renameSync(join(folder.path, 'x'), join(folder.path, 'z'))
  await run.settle()
  t.equal(run.services.size, 2)
  folder.write('z/y/c.yaml', [service('c')])
  await run.until(() => run.services.has('default/c'))
  folder.remove('z')
  await run.until(() => run.services.size === 0)
})

t.test('the folder itself is replaced', async t => {
  const folder = makeFolder(t, { 'in/a.yaml': [service('a')], 'new/b.yaml': [service('b')] })
  const run = await watchFolder(t, join(folder.path, 'in'), NEVER)
  rmSync(join(folder.path, 'in'), { recursive: true })
  renameSync(join(folder.path, 'new'), join(folder.path, 'in'))
  await run.until(() => run.services.has('default/b') && !run.services.has('default/a'))
  folder.write('in/c.yaml', [service('c')])
  await run.until(() => run.services.has('default/c'))
})

t.test('the folder is a symbolic link that is exchanged', async t => {
  const folder = makeFolder(t, { 'v1/a.yaml': [service('a')], 'v2/b.yaml': [service('b')] })
  symlinkSync('v1', join(folder.path, 'in'))
  const run = await watchFolder(t, join(folder.path, 'in'), NEVER)
  symlinkSync('v2', join(folder.path, 'next'))
  renameSync(join(folder.path, 'next'), join(folder.path, 'in'))
  await run.until(() => run.services.has('default/b') && !run.services.has('default/a'))
  folder.write('v2/c.yaml', [service('c')])
  await run.until(() => run.services.has('default/c'))
})

t.test('a mounted ConfigMap is exchanged, as the kubelet does', async t => {
  const folder = makeFolder(t, { '..1/web.yaml': [service('a')], '..2/web.yaml': [service('b')] })
  symlinkSync('..1', join(folder.path, '..data'))
  symlinkSync('..data/web.yaml', join(folder.path, 'web.yaml'))
  const run = await watchFolder(t, folder.path, NEVER)
  t.same([...run.services.keys()], ['default/a'])
  symlinkSync('..2', join(folder.path, '..data_tmp'))
  renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  folder.remove('..1')
  await run.until(() => run.services.has('default/b'))
  t.same([...run.services.keys()], ['default/b'])
})

t.test('what no watch sees, the periodic look at everything finds', async t => {
  const folder = makeFolder(t, { 'in/x': '', 'far/a.yaml': [service('a')] })
  symlinkSync('../far/a.yaml', join(folder.path, 'in/a.yaml'))
  const run = await watchFolder(t, join(folder.path, 'in'), { rescanMs: 100 })
  folder.write('far/a.yaml', [service('b')])
  await run.until(() => run.services.has('default/b'))
})

t.test('a link around in a circle ends', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  mkdirSync(join(folder.path, 'x'))
  symlinkSync('..', join(folder.path, 'x/up'))
  const run = await watchFolder(t, folder.path, NEVER)
  t.same([...run.services.keys()], ['default/a'])
  t.same(run.problems(), [])
})

t.test('a single file', async t => {
  const folder = makeFolder(t, { 'all.txt': [service('a')] })
  const run = await watchFolder(t, join(folder.path, 'all.txt'), NEVER)
  folder.write('all.txt', [service('b')])
  await run.until(() => run.services.has('default/b'))
})

t.test('a folder that does not exist is refused', async t => {
  await t.rejects(watchFolder(t, '/nowhere/manifests'), {
    name: 'SourceError',
    message: '/nowhere/manifests: it does not exist: name a file or folder of manifests',
  })
})

t.test('the own node', async t => {
  const folder = makeFolder(t, { 'a.yaml': [service('a')] })
  const run = await watchFolder(t, folder.path, NEVER)
  t.match(run.updates, [{ node: null }])
  folder.write('nodes.yaml', [node('node1', 'z1', ['192.168.0.1']), node('node2', 'z1')])
  await run.until(() => run.updates.length === 2)
  t.match(run.updates[1], { node: { name: 'node1', zone: 'z1', addresses: ['192.168.0.1'] } })
  folder.write('nodes.yaml', [node('node1', 'z1', ['192.168.0.1']), node('node2', 'z2')])
  await run.settle()
  t.equal(run.updates.length, 2)
})

t.test('only Services whose view changed are told of', async t => {
  const folder = makeFolder(t, {
    'services.yaml': [
      service('a', { selector: { app: 'a' } }),
      service('b', { selector: { app: 'b' } }),
      service('c'),
      service('d', { selector: { app: 'a', tier: 'x' } }),
    ],
    'pods.yaml': [pod('a1', '10.1.0.1', { labels: { app: 'a' } }), pod('b1', '10.1.0.2', { labels: { app: 'b' } })],
    'slices.yaml': [slice('c-1', 'c', ['10.1.0.3'])],
    'node.yaml': [node('node1', 'z1')],
  })
  const run = await watchFolder(t, folder.path, NEVER)
  const told = async (name: string, objects: readonly unknown[]) => {
    const before = run.updates.length
    folder.write(name, objects)
    await run.settle()
    return run.updates.slice(before).flatMap(({ services }) => [...services.keys()])
  }
  const b1 = pod('b1', '10.1.0.2', { labels: { app: 'b' } })
  t.same(await told('pods.yaml', [pod('a1', '10.1.0.9', { labels: { app: 'a' } }), b1]), ['default/a'])
  t.same(answering(run.services.get('default/a')), ['10.1.0.9:80'])
  t.same(await told('slices.yaml', [slice('c-1', 'c', ['10.1.0.4'])]), ['default/c'])
  t.same(await told('slices.yaml', [slice('c-2', 'c', ['10.1.0.4'])]), ['default/c'])
  t.same(await told('pods.yaml', [pod('a1', '10.1.0.9', { labels: { app: 'b' } }), b1]), ['default/a', 'default/b'])
  t.same(await told('node.yaml', [node('node1', 'z2')]), ['default/b'])
  t.same(await told('pods.yaml', [b1, pod('a1', '10.1.0.9', { labels: { app: 'b' } })]), [], 'another order')
})
