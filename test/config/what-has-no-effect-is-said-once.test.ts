// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KUBE_PROXY_FIELDS } from '../../agent/config/kube-proxy-fields.ts'
import { kubeProxySchema } from '../../agent/config/kube-proxy-schema.ts'
import { leafPaths } from '../../agent/config/paths.ts'
import { kubeProxy, read } from './reading.ts'

const everything = readFileSync(join(import.meta.dirname, 'kube-proxy.yaml'), 'utf8')

t.test('it is known of every field what it becomes', async t => {
  const fields = leafPaths(kubeProxySchema).filter(path => path !== 'apiVersion' && path !== 'kind')
  t.same(Object.keys(KUBE_PROXY_FIELDS).toSorted(), fields.toSorted())
})

t.test('each field has fields of ours, or one warning', async t => {
  const { outcomes, warnings } = read([everything])
  const silent = outcomes.filter(({ own }) => own === undefined)
  t.equal(warnings.length, silent.length)
  t.ok(silent.length > 40)
  for (const { field, ignored } of silent) {
    t.match(ignored, /\w/, field)
    const said = warnings.filter(warning => warning.startsWith(`KubeProxyConfiguration ${field} has no effect: `))
    t.equal(said.length, 1, field)
  }
})

t.test('what Go takes for unset is not warned about', async t => {
  const zeros = {
    mode: '',
    oomScoreAdj: null,
    configSyncPeriod: '0s',
    udpIdleTimeout: '0h0m0s',
    portRange: '',
    featureGates: {},
    ipvs: { strictARP: false, excludeCIDRs: [], tcpTimeout: '0' },
    conntrack: { min: 0 },
  }
  t.same(read([kubeProxy(zeros)]).warnings, [])
})

t.test('false is something where Go has a pointer', async t => {
  const warn = (localhostNodePorts: boolean) => read([kubeProxy({ iptables: { localhostNodePorts } })]).warnings
  t.match(warn(false)[0], /localhostNodePorts has no effect: loopback addresses serve nodePorts/)
  t.same(warn(true), [])
})

t.test('flags are named as flags', async t => {
  const { warnings } = read([kubeProxy({ ipvs: { scheduler: 'rr' } })], '--ipvs-scheduler', 'lc', '--proxy-mode=ipvs')
  t.match(warnings.toSorted(), [/^--ipvs-scheduler has no effect: .*Maglev/, /^--proxy-mode has no effect: /])
  t.equal(warnings.length, 2)
})

t.test('nodePortAddresses of one family', async t => {
  const warnings = (nodePortAddresses: string[]) => read([{ nodePortAddresses }]).warnings
  t.match(warnings(['10.0.0.0/8']), [/IPv4 addresses only: nodePorts are served at all IPv6 addresses/])
  t.match(warnings(['fd00::/8']), [/IPv6 addresses only: nodePorts are served at all IPv4 addresses/])
  for (const both of [[], ['10.0.0.0/8', '::/0'], ['primary'], ['10.0.0.0/8', 'localhost']]) t.same(warnings(both), [])
})
