// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FLAGS } from '../../agent/config/flags.ts'
import { KUBE_PROXY_FIELDS } from '../../agent/config/kube-proxy-fields.ts'
import { kubeProxy, problemsOf, read } from './reading.ts'

t.test('with an effect', async t => {
  const cases: readonly [argv: string, own: object][] = [
    ['--hostname-override Node-1', { nodeName: 'node-1' }],
    ['--cluster-cidr=10.0.0.0/8,fd00::/8', { clusterCIDR: ['10.0.0.0/8', 'fd00::/8'], detectLocalMode: 'ClusterCIDR' }],
    ['--cluster-cidr=10.0.0.0/8 --detect-local-mode=NodeCIDR', { detectLocalMode: 'NodeCIDR' }],
    ['--detect-local-mode BridgeInterface --pod-bridge-interface cni0', { detectLocal: { bridgeInterface: 'cni0' } }],
    [
      '--detect-local-mode InterfaceNamePrefix --pod-interface-name-prefix veth',
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } },
    ],
    ['--nodeport-addresses primary', { nodePortAddresses: ['primary'] }],
    [
      '--nodeport-addresses 10.0.0.0/8,fd00::/8 --nodeport-addresses localhost',
      { nodePortAddresses: ['10.0.0.0/8', 'fd00::/8', 'localhost'] },
    ],
    ['--masquerade-all', { masqueradeAll: true }],
    ['--masquerade-all=true --proxy-mode nftables', { masqueradeAll: true, nodePortAddresses: ['primary'] }],
    ['--masquerade-all=f', { masqueradeAll: false }],
    [
      '--healthz-bind-address 127.0.0.1:99 --metrics-bind-address ::',
      { healthzBindAddress: '127.0.0.1:99', metricsBindAddress: '[::]:10249' },
    ],
    ['--healthz-bind-address= --metrics-bind-address=', { healthzBindAddress: '', metricsBindAddress: '' }],
    ['--healthz-port 0 --metrics-port=7', { healthzBindAddress: '', metricsBindAddress: '127.0.0.1:7' }],
    ['--bind-address fd00::7', { nodeIP: 'fd00::7', metricsBindAddress: '[::1]:10249' }],
    ['--iptables-sync-period 10s', { healthTimeoutSeconds: 20 }],
    ['--conntrack-tcp-timeout-established=1m', { timeouts: { established: 60 } }],
    ['--kubeconfig /k --master https://10.0.0.1:6443', { kubeconfig: '/k', apiServer: 'https://10.0.0.1:6443' }],
    ['-v 4', { logLevel: 'debug' }],
    ['-v=4', { logLevel: 'debug' }],
    ['--v=2', { logLevel: 'info' }],
  ]
  for (const [argv, own] of cases) t.match(read([], ...argv.split(' ')).config, own, argv)
})

t.test('flags count more than the file', async t => {
  const file = [
    kubeProxy({ hostnameOverride: 'theirs', iptables: { masqueradeAll: true }, logging: { verbosity: 9 } }),
    { nodeName: 'ours', logLevel: 'warn' },
  ]
  t.match(read(file).config, { nodeName: 'ours', masqueradeAll: true, logLevel: 'warn' })
  const argv = ['--hostname-override=flag', '--masquerade-all=false', '-v', '5']
  t.match(read(file, ...argv).config, { nodeName: 'flag', masqueradeAll: false, logLevel: 'debug' })
})

t.test('each flag is for a field that is known, and has its effect or its warning', async t => {
  const text: Readonly<Record<string, string>> = {
    gates: 'A=true,B=false',
    levels: 'proxier=4',
    switch: 'true',
    number: '7',
  }
  const odd: Readonly<Record<string, string>> = {
    'ipvs-exclude-cidrs': '10.0.0.0/8',
    'proxy-mode': 'iptables',
    'iptables-localhost-nodeports': 'false',
    'logging-format': 'text',
    'kube-api-content-type': 'application/json',
    'show-hidden-metrics-for-version': '1.35',
    'ipvs-scheduler': 'rr',
  }
  for (const { name, kind, field } of FLAGS) {
    t.ok(KUBE_PROXY_FIELDS[field], field)
    const duration = /period|timeout|frequency/.test(name)
    const value = odd[name] ?? text[kind] ?? (duration ? '33s' : undefined)
    if (value === undefined) continue // Has an effect: above.
    const { outcomes } = read([], `--${name}=${value}`)
    t.match(outcomes, [{ field, flag: `--${name}` }], name)
    t.equal(outcomes.length, 1, name)
  }
})

t.test('what can not be read is named by the flag', async t => {
  const cases: readonly [argv: string, problem: string][] = [
    ['--oom-score-adj=low', '--oom-score-adj: "low" is not a number'],
    ['--ipvs-strict-arp=maybe', '--ipvs-strict-arp: "maybe" is not true or false'],
    [
      '--conntrack-udp-timeout=3',
      '--conntrack-udp-timeout: expected a duration that is not negative, like 30s or 1h15m',
    ],
    ['--feature-gates=A', '--feature-gates: "" is not true or false'],
  ]
  for (const [argv, problem] of cases) t.same(problemsOf([], argv), [problem])
  t.throws(() => read([], '--cleanup'), { message: /^--cleanup: 'evenkeel cleanup' removes/, exitCode: 2 })
  t.doesNotThrow(() => read([], '--cleanup=false'))
})
