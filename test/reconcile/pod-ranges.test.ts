// SPDX-License-Identifier: Apache-2.0
/** Where pods have their addresses, as detectLocalMode says: in ek_ranges, beside the ranges of Services. */
import t from 'tap'
import { type Config, defaultConfig } from '../../agent/config.ts'
import { addressText } from '../../agent/kernel/address.ts'
import { writesOf } from '../../agent/kernel/operations.ts'
import type { Node } from '../../agent/objects.ts'
import type { Dataplane } from '../../agent/reconcile/dataplane.ts'
import { syncPodRanges } from '../../agent/reconcile/masquerade.ts'
import { reconciler } from '../../agent/reconcile/reconciler.ts'
import { backends, desired, fixture, frontend, service } from './fixture.ts'

const space = fixture('podranges')
t.teardown(space.remove)

const withMode = (more: Partial<Config>): Config => ({ ...defaultConfig(), ...more })
const nodeOf = (...podCIDRs: string[]): Node => ({
  ...{ name: 'node1', labels: {}, zone: '', addresses: [], taints: [], deleting: false },
  podCIDRs,
})

function ranges({ ranges }: Dataplane): string[] {
  return [...ranges.entries()]
    .map(([{ service, addr, prefix }]) => `${service} ${addressText(addr)}/${prefix - 32}`)
    .sort()
}

t.test('pods have their addresses in these ranges', async t => {
  const dataplane = space.open()
  const filtered = service('lb', [frontend('10.0.0.1', 80, { kind: 'loadBalancer', scope: 'external' })], backends(1), {
    sourceRanges: [{ address: '192.0.2.0', prefix: 24 }],
  })
  reconciler(dataplane).apply(desired(filtered), true)
  const ofService = ranges(dataplane)
  t.equal(ofService.length, 1, 'a range of a Service is there')

  const cidrs = withMode({ detectLocalMode: 'ClusterCIDR', clusterCIDR: ['10.244.0.0/16', 'fd00:244::/32'] })
  syncPodRanges(dataplane, cidrs, nodeOf('10.9.0.0/24'))
  t.same(ranges(dataplane), ['0 10.244.0.0/112', '0 fd00:244::/32', ...ofService], 'ClusterCIDR: of the configuration')

  const byNode = withMode({ detectLocalMode: 'NodeCIDR' })
  syncPodRanges(dataplane, byNode, nodeOf('10.9.0.0/24'))
  t.same(ranges(dataplane), ['0 10.9.0.0/120', ...ofService], 'NodeCIDR: of the Node')
  syncPodRanges(dataplane, byNode, nodeOf('10.8.0.0/24', '10.9.0.0/24'))
  t.same(ranges(dataplane), ['0 10.8.0.0/120', '0 10.9.0.0/120', ...ofService], 'as the Node changes')

  const before = writesOf(dataplane.operations)
  reconciler(dataplane).apply(desired(filtered), true)
  syncPodRanges(dataplane, byNode, nodeOf('10.8.0.0/24', '10.9.0.0/24'))
  t.equal(writesOf(dataplane.operations), before, 'after a restart nothing is written')

  syncPodRanges(dataplane, withMode({}), nodeOf('10.9.0.0/24'))
  t.same(ranges(dataplane), ofService, 'without a mode there are none, and those of Services stay')
})
