// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http, { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, defaultConfig, readConfig } from '../../agent/config.ts'
import { parseBindAddress } from '../../agent/serve/bind-address.ts'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { render } from '../../scripts/chart.ts'
import { node, service, slice } from '../kubernetes/objects.ts'
import { makeFolder, read, startServer } from '../kubernetes/source.ts'
import { chartObjects, objectsOf, type Rule } from './chart.ts'

const objects = chartObjects()
const daemonSet = objects.get('DaemonSet')!.spec!
const pod = daemonSet.template.spec
const [container] = pod.containers
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

t.test('deploy/manifest.yaml is what the chart says', async t => {
  const manifest = readFileSync(join(PROJECT_FOLDER, 'deploy/manifest.yaml'), 'utf8')
  t.same(objectsOf(manifest), [...objects.values()])
  const argv = [join(PROJECT_FOLDER, 'scripts/manifest.ts'), '--check']
  t.equal(spawnSync(process.execPath, argv).status, 0)
})

t.test('objects have the versions, names and references that the API takes', async t => {
  t.same([...objects.values()].map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).toSorted(), [
    'apps/v1 DaemonSet',
    'rbac.authorization.k8s.io/v1 ClusterRole',
    'rbac.authorization.k8s.io/v1 ClusterRoleBinding',
    'v1 ConfigMap',
    'v1 ServiceAccount',
  ])
  for (const { kind, metadata } of objects.values()) {
    t.match(metadata.name, DNS_LABEL)
    t.equal(metadata.namespace, kind.startsWith('ClusterRole') ? undefined : 'kube-system', kind)
  }
  t.same(daemonSet.selector.matchLabels, daemonSet.template.metadata.labels)
  t.match(objects.get('ClusterRoleBinding'), {
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: objects.get('ClusterRole')?.metadata.name,
    },
    subjects: [{ kind: 'ServiceAccount', name: pod.serviceAccountName, namespace: 'kube-system' }],
  })
  const volumes = pod.volumes.map(({ name }) => name)
  t.same(container.volumeMounts.map(({ name }) => name).toSorted(), volumes.toSorted(), 'volumes are mounted')
  for (const name of [...volumes, container.name]) t.match(name, DNS_LABEL)
  t.equal(new Set(container.volumeMounts.map(({ mountPath }) => mountPath)).size, volumes.length)
  t.equal(pod.volumes.find(({ name }) => name === 'config')?.configMap?.name, objects.get('ConfigMap')?.metadata.name)
})

t.test('the pod has what the agent works on', async t => {
  t.match(pod, { hostNetwork: true, hostPID: true, dnsPolicy: 'Default', priorityClassName: 'system-node-critical' })
  t.match(pod, { tolerations: [{ operator: 'Exists' }], nodeSelector: { 'kubernetes.io/os': 'linux' } })
  t.match(container.securityContext, { privileged: true, runAsUser: 0 })
  const mounts = new Map(container.volumeMounts.map(mount => [mount.mountPath, mount.mountPropagation]))
  t.equal(mounts.get(defaultConfig().bpffs), 'Bidirectional')
  t.equal(mounts.get('/sys/fs/cgroup'), 'HostToContainer')
  t.ok(mounts.has('/var/lib/evenkeel'), 'where migrate saves rules')
  const { port } = parseBindAddress(defaultConfig().healthzBindAddress)!
  t.match(container, { livenessProbe: { httpGet: { path: '/livez', port } } })
  t.match(container, { readinessProbe: { httpGet: { path: '/healthz', port } } })
})

/** What a file of the ConfigMap says to the agent. */
function configured(t: Test, text = ''): ReturnType<typeof readConfig> {
  const file = join(makeFolder(t), 'config.yaml')
  writeFileSync(file, text)
  return readConfig(file)
}

t.test('the configuration in it is one that the agent takes', async t => {
  t.same(configured(t, objects.get('ConfigMap')?.data?.['config.yaml']), defaultConfig())
  t.ok(container.args.includes('--config=/etc/evenkeel/config.yaml'))
  const values = { config: { podDevices: ['veth*', 'a: b'], timeouts: { established: 7200 } } }
  const given = configured(t, chartObjects(values).get('ConfigMap')?.data?.['config.yaml'])
  t.match(given, values.config)
  const wrong = chartObjects({ config: { podDevice: [] } }).get('ConfigMap')?.data?.['config.yaml']
  t.throws(() => configured(t, wrong), ConfigError)
})

t.test('the node is named by the API server, whose own address can be given', async t => {
  t.same(
    container.env.map(({ name }) => name),
    ['NODE_NAME', 'NODE_COMPILE_CACHE'],
  )
  t.ok(container.args.includes('--hostname-override=$(NODE_NAME)'))
  const [given] = chartObjects({ apiServer: { host: '192.0.2.1' } }).get('DaemonSet')!.spec!.template.spec.containers
  t.same(given.env.slice(2), [
    { name: 'KUBERNETES_SERVICE_HOST', value: '192.0.2.1' },
    { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
  ])
  const tagged = { image: { repository: 'registry.example/evenkeel', tag: 'v1' } }
  t.equal(
    chartObjects(tagged).get('DaemonSet')?.spec?.template.spec.containers[0].image,
    'registry.example/evenkeel:v1',
  )
})

/** In front of another server: tells what it is asked for. */
async function recorder(t: Test, to: string, asked: Set<string>): Promise<string> {
  const server = http.createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '', to)
    const verb = searchParams.get('watch') === 'true' ? 'watch' : 'list'
    asked.add(`${incoming.method} ${pathname} ${verb}`)
    const options = { method: incoming.method ?? 'GET', headers: incoming.headers }
    const onward = request(new URL(incoming.url ?? '', to), options, answer => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers).flushHeaders()
      answer.on('error', () => outgoing.destroy()).pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** "GET /apis/discovery.k8s.io/v1/endpointslices list" */
function allows(rules: readonly Rule[], asked: string): boolean {
  const [, group = '', resource = '', verb = ''] = /^GET \/(?:api|apis\/([^/]+))\/v\d+\/(\w+) (\w+)$/.exec(asked) ?? []
  return rules.some(
    ({ apiGroups, resources, verbs }) =>
      apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
  )
}

t.test('its role allows all that it asks of an API server, and to read no more', async t => {
  const server = await startServer(t, [service('web'), slice('web-1', ['10.0.0.1']), node('node1')])
  const asked = new Set<string>()
  const url = await recorder(t, server.url, asked)
  const reading = await read(t, { url })
  await reading.synced()
  await reading.until(() => [...asked].filter(line => line.endsWith(' watch')).length === 3)
  const rules = objects.get('ClusterRole')!.rules!
  for (const line of asked) t.ok(allows(rules, line), line)
  const granted = rules
    .filter(({ resources }) => !resources.includes('events'))
    .flatMap(({ resources, verbs }) => resources.flatMap(resource => verbs.map(verb => `${resource} ${verb}`)))
  const used = [...asked].map(line => /(\w+ \w+)$/.exec(line)?.[1])
  t.same(
    granted.filter(one => !one.endsWith(' list')).toSorted(),
    used.filter(one => one?.endsWith('watch')).toSorted(),
  )
  t.notOk(allows(rules, 'GET /api/v1/secrets list'))
})

t.test("what the renderer does not know of Helm's language is an error", async t => {
  for (const action of ['.Values.none', 'include "x" .', 'range .Values.a', '.Values.a | upper', 'end', 'if .Values.a'])
    t.throws(() => render(`a {{ ${action} }}`, { Values: { a: 1 } }, 'x.yaml'), /^x\.yaml: /, action)
  const scope = { Values: { on: true, off: '', n: { b: 1, a: ['x'] } } }
  t.equal(render('a:\n  {{- toYaml .Values.n | nindent 2 }}\nb', scope, 'x'), 'a:\n  a:\n  - x\n  b: 1\nb')
  t.equal(
    render('1\n{{- if .Values.off }}\n2\n{{- end }}\n{{ .Values.off | default .Values.on | quote }}', scope, 'x'),
    '1\n"true"',
  )
})
