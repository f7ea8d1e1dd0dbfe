// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { load, node, pod, service } from './folder.ts'

const OBJECTS = [
  node('node1', 'z1'),
  node('node2', 'z2'),
  pod('a', '10.1.0.1'),
  pod('b', '10.1.0.2', { spec: { nodeName: 'node2' } }),
  pod('c', '10.1.0.3', { status: { conditions: [] } }),
  pod('d', '10.1.0.4', { spec: { nodeName: 'unknown' } }),
]

for (const trafficDistribution of ['PreferClose', 'PreferSameZone', 'PreferSameNode', undefined]) {
  t.test(`trafficDistribution ${trafficDistribution}`, async t => {
    const { services } = await load(t, [service('web', { selector: { app: 'web' }, trafficDistribution }), ...OBJECTS])
    const states = services.get('default/web')?.slices[0]?.endpoints.states ?? []
    t.same(
      states.map(({ zone }) => zone),
      ['z1', 'z2', 'z1', ''],
    )
    const zones = trafficDistribution === undefined ? [undefined, undefined] : [['z1'], ['z2']]
    t.same(
      states.map(({ zoneHints }) => zoneHints),
      [...zones, undefined, undefined],
    )
    const nodes =
      trafficDistribution === 'PreferSameNode'
        ? [['node1'], ['node2'], undefined, ['unknown']]
        : Array(4).fill(undefined)
    t.same(
      states.map(({ nodeHints }) => nodeHints),
      nodes,
    )
  })
}
