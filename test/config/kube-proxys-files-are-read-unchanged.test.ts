// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { kubeProxySchema } from '../../agent/config/kube-proxy-schema.ts'
import { leafPaths } from '../../agent/config/paths.ts'
import { defaultConfig } from '../../agent/config.ts'
import { evenkeel, kubeProxy, problemsOf, read } from './reading.ts'

const file = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8')

t.test("kubeadm's ConfigMap: what it leaves out has our defaults, and nothing is complained of", async t => {
  const { config, warnings } = read([file('kubeadm.yaml')])
  t.same(warnings, [])
  t.same(config, {
    ...defaultConfig(),
    kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
    clusterCIDR: ['10.244.0.0/16'],
    detectLocalMode: 'ClusterCIDR',
  })
})

t.test('every field with a value', async t => {
  const { config, outcomes } = read([file('kube-proxy.yaml')])
  const fields = leafPaths(kubeProxySchema).filter(path => path !== 'apiVersion' && path !== 'kind')
  t.same(outcomes.map(({ field }) => field).toSorted(), fields.toSorted())
  t.same(config, {
    ...defaultConfig(),
    kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
    logLevel: 'debug',
    nodeName: 'worker-1',
    nodeIP: '172.31.0.1',
    healthzBindAddress: '10.0.0.1:10256',
    metricsBindAddress: '[::1]:9999',
    masqueradeAll: true,
    healthTimeoutSeconds: 180,
    detectLocalMode: 'BridgeInterface',
    detectLocal: { bridgeInterface: 'cni0', interfaceNamePrefix: 'veth' },
    clusterCIDR: ['10.244.0.0/16', 'fd00:10::/56'],
    nodePortAddresses: ['primary', '192.168.0.0/16', 'fd00::/8'],
    timeouts: { ...defaultConfig().timeouts, established: 7200, halfClosed: 1800, datagram: 180 },
  })
})

t.test('what a field means depends on others as in kube-proxy', async t => {
  const cases: readonly [fields: object, own: object][] = [
    [{ mode: 'nftables' }, { nodePortAddresses: ['primary'] }],
    [{ mode: 'nftables', nodePortAddresses: ['10.0.0.0/8'] }, { nodePortAddresses: ['10.0.0.0/8'] }],
    [{ mode: 'iptables' }, { nodePortAddresses: [] }],
    [{ nftables: { masqueradeAll: true } }, { masqueradeAll: false }],
    [{ mode: 'nftables', nftables: { masqueradeAll: true } }, { masqueradeAll: true }],
    [{ mode: 'nftables', iptables: { masqueradeAll: true } }, { masqueradeAll: false }],
    [{ nftables: { syncPeriod: '1m' }, iptables: { syncPeriod: '10s' } }, { healthTimeoutSeconds: 20 }],
    [{ mode: 'nftables', nftables: { syncPeriod: '1m' } }, { healthTimeoutSeconds: 120 }],
    [{ detectLocalMode: 'ClusterCIDR' }, { detectLocalMode: 'none' }],
    [{ clusterCIDR: '10.0.0.0/8' }, { detectLocalMode: 'ClusterCIDR', clusterCIDR: ['10.0.0.0/8'] }],
    [{ clusterCIDR: '10.0.0.0/8', detectLocalMode: 'NodeCIDR' }, { detectLocalMode: 'NodeCIDR' }],
    [{ bindAddress: '::' }, { nodeIP: '', metricsBindAddress: '[::1]:10249' }],
    [
      { bindAddress: 'fd00::1', metricsBindAddress: '::' },
      { nodeIP: 'fd00::1', metricsBindAddress: '[::]:10249' },
    ],
    [{ conntrack: { tcpEstablishedTimeout: '100ms' } }, { timeouts: { established: 1 } }],
    [{ conntrack: { tcpEstablishedTimeout: '99999h' } }, { timeouts: { established: 2_592_000 } }],
    [{ logging: { verbosity: 3 } }, { logLevel: 'info' }],
  ]
  for (const [fields, own] of cases) t.match(read([kubeProxy(fields)]).config, own, JSON.stringify(fields))
})

t.test('ours supplies what theirs lacks, and counts where both say something', async t => {
  const theirs = kubeProxy({ hostnameOverride: 'a', clusterCIDR: '10.0.0.0/8', mode: '' })
  const ours = evenkeel({ nodeName: 'b', podPath: 'packet', sizes: { flows: 8 } })
  for (const documents of [
    [theirs, ours],
    [ours, theirs],
  ]) {
    const { config, warnings } = read(documents)
    t.match(config, {
      nodeName: 'b',
      podPath: 'packet',
      clusterCIDR: ['10.0.0.0/8'],
      sizes: { flows: 8, services: 65_536 },
    })
    t.same(warnings, [
      'KubeProxyConfiguration hostnameOverride has no effect: nodeName of EvenkeelConfiguration counts',
    ])
  }
})

t.test('of a field that becomes two of ours, one may be ours', async t => {
  const { config } = read([kubeProxy({ clusterCIDR: '10.0.0.0/8' }), evenkeel({ clusterCIDR: ['11.0.0.0/8'] })])
  t.match(config, { clusterCIDR: ['11.0.0.0/8'], detectLocalMode: 'ClusterCIDR' })
})

t.test('other documents are refused', async t => {
  const cases: readonly [documents: readonly (string | object)[], problem: RegExp][] = [
    [[{ kind: 'Pod', apiVersion: 'v1' }], /^kind Pod of v1 is not read here: give EvenkeelConfiguration/],
    [[kubeProxy(), kubeProxy()], /^there are 2 documents of kind KubeProxyConfiguration: keep one/],
    [[evenkeel(), 'nodeName: a\n'], /^there are 2 documents of kind EvenkeelConfiguration: keep one/],
    [[{ kind: 'ConfigMap', data: { other: '' } }], /^the ConfigMap has none of the keys config.conf, config in data/],
    [[kubeProxy({ apiVersion: 'kubeproxy.config.k8s.io/v1alpha2' })], /^KubeProxyConfiguration apiVersion: /],
    [['- a\n'], /^expected fields, each with a name/],
    [['a: [\n'], /^not valid YAML: .*line 2, column 1$/],
    [['nodeName: *a\n'], /^not valid YAML: Unresolved alias/],
    [['nodeName: a\nnodeName: b\n'], /Map keys must be unique at line 2, column 1/],
  ]
  for (const [documents, problem] of cases) t.match(problemsOf(documents)[0], problem)
})
