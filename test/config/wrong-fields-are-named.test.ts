// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { evenkeel, kubeProxy, problemsOf } from './reading.ts'

const OURS: readonly [fields: object, problem: string][] = [
  [{ nodename: 'a' }, 'nodename: there is no such field; did you mean nodeName?'],
  [{ timouts: {} }, 'timouts: there is no such field; did you mean timeouts?'],
  [{ timeouts: { establishd: 1 } }, 'timeouts.establishd: there is no such field; did you mean timeouts.established?'],
  [{ flows: 1 }, 'flows: there is no such field; did you mean sizes.flows?'],
  [{ colour: 1 }, 'colour: there is no such field'],
  [{ podPath: 3 }, 'podPath: Invalid option: expected one of "socket"|"packet"|"both"'],
  [{ uplinks: 'yes' }, 'uplinks: "yes" is not true or false'],
  [{ sizes: { flows: 0 } }, 'sizes.flows: Too small: expected number to be >=1'],
  [{ clusterCIDR: ['10.0.0.0'] }, 'clusterCIDR[0]: expected a CIDR, like 10.244.0.0/16 or fd00:10::/56'],
  [{ clusterCIDR: ['10.0.0.0/8', '11.0.0.0/8'] }, 'clusterCIDR: expected one CIDR, or one of IPv4 and one of IPv6'],
  [{ detectLocalMode: 'ClusterCIDR' }, 'clusterCIDR: is needed with detectLocalMode ClusterCIDR'],
  [
    { detectLocalMode: 'BridgeInterface' },
    'detectLocal.bridgeInterface: is needed with detectLocalMode BridgeInterface',
  ],
  [
    { nodePortAddresses: ['primary', 'secondary'] },
    'nodePortAddresses[1]: expected a CIDR, like 10.0.0.0/8 or fd00::/8, or one of primary, localhost, all',
  ],
  [
    { apiServer: '10.0.0.1' },
    'apiServer: expected a URL, like https://10.0.0.1:6443, or "" for that of the kubeconfig',
  ],
  [{ nodeIP: 'here' }, 'nodeIP: expected an address, or "" for none'],
  [{ nodeName: 'Node 1' }, 'nodeName: expected the name of a Node: lower-case letters, digits, "-" and "."'],
  [{ nodePortRange: '32767-30000' }, 'nodePortRange: expected a range of ports, like 30000-32767'],
  [{ nodePortRange: '1-65536' }, 'nodePortRange: expected a range of ports, like 30000-32767'],
  [{ serviceCIDRs: [] }, 'serviceCIDRs: expected one CIDR, or one of IPv4 and one of IPv6'],
  [{ serviceCIDRs: ['10.0.0.0/8', '11.0.0.0/8'] }, 'serviceCIDRs: expected one CIDR, or one of IPv4 and one of IPv6'],
  [{ eventSample: 2 ** 32 }, 'eventSample: Too big: expected number to be <=4294967295'],
  [
    { healthzBindAddress: '0.0.0.0:10249' },
    'metricsBindAddress: 127.0.0.1:10249 is where healthzBindAddress is: choose another port',
  ],
]

const THEIRS: readonly [fields: object, problem: string][] = [
  [{ Mode: '' }, 'Mode: there is no such field; did you mean mode?'],
  [
    { iptables: { masqueradeBits: 1 } },
    'iptables.masqueradeBits: there is no such field; did you mean iptables.masqueradeBit?',
  ],
  [{ scheduler: 'rr' }, 'scheduler: there is no such field; did you mean ipvs.scheduler?'],
  [{ mode: 'ebpf' }, 'mode: Invalid option: expected one of ""|"iptables"|"ipvs"|"nftables"|"kernelspace"|"userspace"'],
  [
    { iptables: { syncPeriod: '30' } },
    'iptables.syncPeriod: expected a duration that is not negative, like 30s or 1h15m',
  ],
  [{ configSyncPeriod: '-1s' }, 'configSyncPeriod: expected a duration that is not negative, like 30s or 1h15m'],
  [
    { clusterCIDR: '10.0.0.0/8,11.0.0.0/8' },
    'clusterCIDR: expected a CIDR, or one of each family: 10.244.0.0/16,fd00:10::/56',
  ],
  [
    { healthzBindAddress: ':10256' },
    'healthzBindAddress: expected an address, or an address and a port, like 0.0.0.0:10256 or [::]:10256',
  ],
  [{ iptables: { masqueradeBit: 32 } }, 'iptables.masqueradeBit: Too big: expected number to be <=31'],
  [{ oomScoreAdj: 1.5 }, 'oomScoreAdj: 1.5 is not a whole number'],
  [{ featureGates: { A: 'yes' } }, 'featureGates.A: "yes" is not true or false'],
]

t.test('in ours', async t => {
  for (const [fields, problem] of OURS) t.same(problemsOf([evenkeel(fields)]), [problem])
})

t.test("in kube-proxy's", async t => {
  for (const [fields, problem] of THEIRS) t.same(problemsOf([kubeProxy(fields)]), [`KubeProxyConfiguration ${problem}`])
})

t.test('all at once, of both and of flags', async t => {
  const problems = problemsOf([kubeProxy({ mod: '' }), evenkeel({ sweep: 1 })], '--cluster-cidr=x', '-v', 'much')
  t.same(problems, [
    'sweep: there is no such field',
    'KubeProxyConfiguration mod: there is no such field; did you mean mode?',
    '--v: "much" is not a number',
    '--cluster-cidr: expected a CIDR, or one of each family: 10.244.0.0/16,fd00:10::/56',
  ])
})
