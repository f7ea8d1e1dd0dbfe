// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { reconciler } from '../../agent/reconcile/reconciler.ts'
import { backends, desired, fixture, frontend, service } from './fixture.ts'

const { open, remove } = fixture('exhausted', { backends: 4, tables: 16 })
t.teardown(remove)

t.test('a Service that does not fit is named, and the others are served', async t => {
  const dataplane = open()
  const maps = reconciler(dataplane)
  const failures = maps.apply(
    desired(
      service('small', [frontend('10.96.0.1')], backends(1)),
      service('large', [frontend('10.96.0.2')], backends(1, 2, 3, 4, 5)),
      service('late', [frontend('10.96.0.3')], backends(6)),
    ),
    true,
  )
  t.same(failures, [
    {
      service: 'default/large',
      message:
        'Service default/large: no id is left for backends: all 3 are in use; raise sizes.backends in the configuration',
    },
  ])
  t.same([...maps.live.ports.keys()], ['default/small:http/TCP', 'default/late:http/TCP'])
  t.equal(maps.arena.used, 2, 'two tables of one id and one slot: what was begun for the other is taken back')
})
