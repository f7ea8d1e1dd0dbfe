// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, pod, service } from './folder.ts'

const ports = (...list: readonly object[]) => ({ spec: { nodeName: 'n', containers: [{ ports: list }] } })

async function slices(t: Parameters<typeof load>[0], ...objects: readonly unknown[]) {
  const { services, problems } = await load(t, objects)
  t.same(problems, [])
  return (services.get('default/web')?.slices ?? []).map(({ ports, endpoints }) => [
    ports.map(({ name, protocol, port }) => `${name}:${port}/${protocol}`).join(),
    endpoints.addresses.replaceAll('\n', ','),
  ])
}

t.test('pods with different numbers are in different slices, pods without the name in none', async t => {
  const got = await slices(
    t,
    service('web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }),
    pod('a', '10.1.0.1', ports({ name: 'http', containerPort: 8080 })),
    pod('b', '10.1.0.2', ports({ name: 'http', containerPort: 9090 })),
    pod('c', '10.1.0.3', ports({ name: 'http', containerPort: 8080 })),
    pod('d', '10.1.0.4', ports({ name: 'https', containerPort: 8443 })),
    pod('e', '10.1.0.5', ports({ name: 'http', containerPort: 8080, protocol: 'UDP' })),
  )
  t.same(got, [
    [':8080/TCP', '10.1.0.1,10.1.0.3'],
    [':9090/TCP', '10.1.0.2'],
  ])
})

t.test('a pod that has one of two names is left out for the other alone', async t => {
  const both = [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
  ]
  const got = await slices(
    t,
    service('web', { selector: { app: 'web' }, ports: both }),
    pod(
      'a',
      '10.1.0.1',
      ports({ name: 'http', containerPort: 8080 }, { name: 'dns', containerPort: 5353, protocol: 'UDP' }),
    ),
    pod('b', '10.1.0.2', ports({ name: 'http', containerPort: 8080 })),
  )
  t.same(got, [
    ['http:8080/TCP', '10.1.0.2'],
    ['http:8080/TCP,dns:5353/UDP', '10.1.0.1'],
  ])
})

t.test('sidecars have ports too, other init containers have none', async t => {
  const init = (restartPolicy?: string) => ({
    spec: {
      containers: [{}],
      initContainers: [{ ...(restartPolicy && { restartPolicy }), ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  })
  const got = await slices(
    t,
    service('web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }),
    pod('a', '10.1.0.1', init('Always')),
    pod('b', '10.1.0.2', init()),
  )
  t.same(got, [[':8080/TCP', '10.1.0.1']])
})
