// SPDX-License-Identifier: Apache-2.0
/** Kernels and settings that this machine does not have, by what they say. */
import t from 'tap'
import { defaultConfig } from '../../agent/config.ts'
import { tcOf, xdpOf } from '../../agent/preflight/devices.ts'
import { capabilities, jitOf, kernelVersion, memlock } from '../../agent/preflight/rights.ts'
import { forwarding, reversePath } from '../../agent/preflight/sysctls.ts'

const EINVAL = -22
const config = defaultConfig()
const status = (...bits: number[]) =>
  `CapEff:\t${bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n).toString(16)}\n`
const limits = (limit: string) => `Max locked memory         ${limit}              8388608              bytes\n`
const sysctls = (values: Readonly<Record<string, string>>) => (name: string) => values[name]

const CASES = {
  'kernel 5.4': [kernelVersion('5.4.0-200-generic'), 'failed'],
  'kernel 5.10': [kernelVersion('5.10.0-30-amd64'), 'ok'],
  'kernel 6.1': [kernelVersion('6.1.0'), 'ok'],
  'all capabilities': [capabilities(status(12, 21, 38, 39)), 'ok'],
  'no CAP_BPF, but CAP_SYS_ADMIN': [capabilities(status(12, 21)), 'warning'],
  'no CAP_SYS_ADMIN': [capabilities(status(12, 38, 39)), 'failed'],
  'little locked memory before 5.11': [memlock(limits('65536'), '5.10.0'), 'warning'],
  'unlimited before 5.11': [memlock(limits('unlimited'), '5.10.0'), 'ok'],
  'little locked memory since 5.11': [memlock(limits('65536'), '5.15.0'), 'ok'],
  'no JIT': [jitOf('0'), 'warning'],
  tcx: [tcOf({ tcx: 0, clsact: 0, xdp: 0 }, config), 'ok'],
  'clsact only': [tcOf({ tcx: EINVAL, clsact: 0, xdp: 0 }, config), 'warning'],
  neither: [tcOf({ tcx: EINVAL, clsact: EINVAL, xdp: 0 }, config), 'failed'],
  'neither, nor wanted': [
    tcOf({ tcx: EINVAL, clsact: EINVAL, xdp: 0 }, { podPath: 'socket', uplinks: false }),
    'warning',
  ],
  'no XDP': [xdpOf({ tcx: 0, clsact: 0, xdp: EINVAL }, { xdp: 'auto' }), 'warning'],
  'no XDP, but wanted': [xdpOf({ tcx: 0, clsact: 0, xdp: EINVAL }, { xdp: 'native' }), 'failed'],
  'strict with one uplink': [reversePath(sysctls({ 'ipv4/conf/all/rp_filter': '1' }), ['a']), 'ok'],
  'strict with two': [reversePath(sysctls({ 'ipv4/conf/b/rp_filter': '1' }), ['a', 'b']), 'warning'],
  'all loose, one strict': [
    reversePath(sysctls({ 'ipv4/conf/all/rp_filter': '2', 'ipv4/conf/b/rp_filter': '1' }), ['a', 'b']),
    'ok',
  ],
  'no IPv6': [forwarding(sysctls({ 'ipv4/ip_forward': '1' }))[1]!, 'ok'],
} as const

for (const [name, [finding, verdict]] of Object.entries(CASES))
  t.test(name, async t => {
    t.equal(finding.verdict, verdict)
    if (verdict === 'ok') t.same([finding.consequence, finding.remedy], ['', ''])
    else t.ok(finding.consequence.endsWith('.') && finding.remedy !== '', 'with consequence and remedy')
  })
