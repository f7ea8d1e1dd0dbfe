// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { loadManifests } from '../../agent/source/manifests/load.ts'
import { load, makeFolder, node, says, service } from './folder.ts'

const names = (services: ReadonlyMap<string, unknown>) => [...services.keys()].sort()

t.test('documents of YAML and JSON in one file, with comments, directives and end markers', async t => {
  const text = `\ufeff# first
%YAML 1.2
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
--- # second
${JSON.stringify(service('b'))}
...
---
---
apiVersion: v1
kind: Service
metadata:
  name: &name c
  labels: {app: *name}
spec:
  ports:
  - port: 80
`
  const { services, problems } = await load(t, text)
  t.same(problems, [])
  t.same(names(services), ['default/a', 'default/b', 'default/c'])
  t.same(services.get('default/c')?.service.labels, { app: 'c' })
})

t.test('line ends of Windows', async t => {
  const text =
    'apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: a\r\nspec:\r\n  ports:\r\n  - port: 80\r\n---\r\n'
  const { services, problems } = await load(t, text + text.replace('name: a', 'name: b'))
  t.same(problems, [])
  t.same(names(services), ['default/a', 'default/b'])
})

t.test('Lists, also those whose items do not say what they are', async t => {
  const { apiVersion: _a, kind: _k, ...bare } = service('c', {}, { namespace: 'x' })
  const { services, nodes, problems } = await load(t, [
    {
      apiVersion: 'v1',
      kind: 'List',
      items: [service('a'), { apiVersion: 'v1', kind: 'List', items: [service('b')] }],
    },
    { apiVersion: 'v1', kind: 'ServiceList', items: [bare] },
    { apiVersion: 'v1', kind: 'NodeList', items: [{ ...node('node1', 'z1', ['192.168.0.1']), kind: undefined }] },
    { apiVersion: 'v1', kind: 'PodList', items: null },
  ])
  t.same(problems, [])
  t.same(names(services), ['default/a', 'default/b', 'x/c'])
  t.match(nodes.get('node1'), { zone: 'z1', addresses: ['192.168.0.1'] })
})

t.test('folders are searched to any depth, without hidden names and other suffixes', async t => {
  const folder = makeFolder(t, {
    'a.yaml': [service('a')],
    'b.yml': [service('b')],
    'sub/deep/c.json': [service('c')],
    '.hidden.yaml': [service('x')],
    '.git/x.yaml': [service('x')],
    'x.txt': [service('x')],
    'x.yaml~': [service('x')],
    'odd.name': [service('d')],
  })
  t.same(names((await loadManifests([folder.path])).services), ['default/a', 'default/b', 'default/c'])
  const both = await loadManifests([`${folder.path}/odd.name`, `${folder.path}/a.yaml`])
  t.same(names(both.services), ['default/a', 'default/d'], 'a file that is named may be called anything')
})

t.test('each unknown kind is told of once', async t => {
  const folder = makeFolder(t, {
    'a.yaml': [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } }, service('a')],
    'b.yaml': [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'b' } },
      { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'b' } },
    ],
  })
  const { services, problems } = await loadManifests([folder.path])
  t.same(names(services), ['default/a'])
  const read = 'is ignored: only Service, EndpointSlice, Endpoints, Pod and Node count here'
  t.same(
    problems.map(problem => says(problem, folder.path)),
    [`warning a.yaml:1: kind Deployment ${read}`, `warning b.yaml:3: kind Service of serving.knative.dev/v1 ${read}`],
  )
})

t.test('an object that is defined twice counts as in the first file', async t => {
  const folder = makeFolder(t, {
    'a.yaml': [service('web', { ports: [{ port: 1 }] })],
    'b.yaml': [service('x'), service('web', { ports: [{ port: 2 }] })],
  })
  const { services, problems } = await loadManifests([folder.path])
  t.equal(services.get('default/web')?.service.ports[0]?.port, 1)
  t.same(
    problems.map(problem => says(problem, folder.path)),
    ['error b.yaml:3: Service default/web is defined in a.yaml:1 already, which counts: remove one of them'],
  )
})

t.test('a path that does not exist is an error that names it', async t => {
  await t.rejects(loadManifests(['/nowhere/manifests']), {
    message: /^\/nowhere\/manifests: .*: name a file or folder of manifests$/,
  })
})
