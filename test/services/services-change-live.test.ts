// SPDX-License-Identifier: Apache-2.0
import type { DialOptions } from '../../lab/dial.ts'
import { BACKENDS, type Cluster, prove, soon, type Test } from './fixture.ts'
import { FAMILIES, HTTP, service, UDP, vip } from './manifests.ts'
import { who } from './outcomes.ts'

/** Where nobody in the pods listens. */
const CLOSED = 1
const LABEL = 'service.kubernetes.io/service-proxy-name'
const REFUSED = ['ECONNREFUSED']

interface Target {
  readonly number?: number
  readonly port?: number
  readonly protocol?: DialOptions['protocol']
  readonly count?: number
  readonly timeout?: number
}

/** Who answers, over both families. */
async function answers({ lab }: Cluster, { number = 1, ...target }: Target): Promise<string[]> {
  const common = { protocol: 'http', port: 80, connected: true, count: 18, parallel: 8, ...target } as const
  return who(await lab.dial('client', ...FAMILIES.map(family => ({ ...common, address: vip(number, family) }))))
}

/** Asserts who answers, soon. */
function reaches(t: Test, cluster: Cluster, expected: readonly string[], target: Target = {}): Promise<void> {
  const { number = 1, port = 80, protocol = 'http' } = target
  const sentence = `${protocol} to ${vip(number)} port ${port}: ${expected.join(', ')}`
  return soon(t, sentence, async () => (await answers(cluster, target)).join() === expected.join())
}

/** Asserts that connections are neither answered nor refused any more. */
function isNobodys(t: Test, cluster: Cluster, number: number): Promise<void> {
  const probe = { number, count: 2, timeout: 200 }
  return soon(t, `${vip(number)} is nobody's`, async () => (await answers(cluster, probe)).join() === 'ETIMEDOUT')
}

async function ports(t: Test, cluster: Cluster): Promise<void> {
  const put = (...ports: readonly object[]) => cluster.put('web', service({ spec: { ports } }))
  await reaches(t, cluster, BACKENDS)
  await put(HTTP, UDP, { ...HTTP, name: 'alt', port: 8080 })
  await reaches(t, cluster, BACKENDS, { port: 8080 })
  await put({ ...HTTP, name: 'alt', port: 8080 }, UDP)
  await reaches(t, cluster, REFUSED)
  await reaches(t, cluster, BACKENDS, { port: 8080 })
  await put({ ...HTTP, name: 'alt', port: 8080 })
  await reaches(t, cluster, REFUSED, { protocol: 'udp' })
  await put(HTTP, UDP)
  await reaches(t, cluster, BACKENDS)
  await reaches(t, cluster, BACKENDS, { protocol: 'udp' })
  await reaches(t, cluster, REFUSED, { port: 8080 })
}

async function targetPort(t: Test, cluster: Cluster): Promise<void> {
  const put = (targetPort: number | string) =>
    cluster.put('web', service({ spec: { ports: [{ ...HTTP, targetPort }, UDP] } }))
  await put(CLOSED)
  await reaches(t, cluster, REFUSED)
  await put(9376)
  await reaches(t, cluster, BACKENDS)
}

async function selector(t: Test, cluster: Cluster): Promise<void> {
  const put = (selector: object) => cluster.put('web', service({ spec: { selector } }))
  await put({ pod: 'web-2' })
  await reaches(t, cluster, ['web-2'])
  await put({ app: 'nothing' })
  await reaches(t, cluster, REFUSED)
  await put({ app: 'web' })
  await reaches(t, cluster, BACKENDS)
}

async function proxyName(t: Test, cluster: Cluster): Promise<void> {
  await cluster.put('web', service({ metadata: { labels: { [LABEL]: 'another' } } }))
  await isNobodys(t, cluster, 1)
  await cluster.put('web', service())
  await reaches(t, cluster, BACKENDS)
}

async function again(t: Test, cluster: Cluster): Promise<void> {
  await cluster.remove('web')
  await isNobodys(t, cluster, 1)
  await cluster.put('web', service({ number: 2, metadata: { uid: 'other' } }))
  await reaches(t, cluster, BACKENDS, { number: 2 })
  await isNobodys(t, cluster, 1)
  await cluster.put('web', service({ number: 1, metadata: { uid: 'third' } }))
  await reaches(t, cluster, BACKENDS)
  await isNobodys(t, cluster, 2)
}

async function type(t: Test, cluster: Cluster): Promise<void> {
  const external = { type: 'ExternalName', externalName: 'web.example.com', ports: [HTTP] }
  await cluster.put('web', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: external })
  await isNobodys(t, cluster, 1)
  await cluster.put('web', service())
  await reaches(t, cluster, BACKENDS)
  await cluster.put('web', service({ spec: { type: 'NodePort' } }))
  await cluster.settled('a nodePort', services => services.some(({ frontend }) => frontend.startsWith('0.0.0.0:3')))
  await reaches(t, cluster, BACKENDS)
}

prove(
  {
    'ports are added and removed': ports,
    'a targetPort changes': targetPort,
    'a selector changes': selector,
    'another proxy’s label takes a Service from us, and gives it back': proxyName,
    'a Service is deleted and made again, with another address too': again,
    'the type changes to ExternalName and back, and to NodePort': type,
  },
  { nodes: 1 },
)
