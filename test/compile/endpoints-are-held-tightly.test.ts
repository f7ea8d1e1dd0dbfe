// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { packEndpoints, unpackEndpoints } from '../../agent/endpoints.ts'
import type { Endpoint } from '../../agent/objects.ts'
import { endpoint } from './objects.ts'

t.test('what comes out is what went in, in its order', t => {
  const lists: readonly (readonly Endpoint[])[] = [
    [],
    [endpoint('10.244.1.1')],
    [endpoint('')],
    [endpoint('fd00::1'), endpoint(''), endpoint('nonsense', { ready: false, zone: 'z1', zoneHints: ['z1'] })],
    [endpoint('10.244.1.2', { nodeHints: ['node1'] }), endpoint('10.244.1.1', { nodeHints: [] })],
  ]
  for (const list of lists) t.same(unpackEndpoints(packEndpoints(list)), list)
  t.end()
})

t.test('no address makes two of one', t => {
  const [first, second, ...more] = unpackEndpoints(
    packEndpoints([endpoint('10.0.0.1\n10.0.0.2'), endpoint('10.0.0.3')]),
  )
  t.equal(first?.address, '?', 'which is no address')
  t.equal(second?.address, '10.0.0.3')
  t.same(more, [])
  t.end()
})

t.test('what is told of endpoints is one object for all that are alike, and only for those', t => {
  const given = [
    {},
    { ready: false },
    { serving: false },
    { terminating: true },
    { nodeName: 'node2' },
    { zone: 'z1' },
    { zoneHints: [] },
    { zoneHints: ['z1'] },
    { zoneHints: ['z1', 'z2'] },
    { nodeHints: ['z1'] },
  ]
  const pack = () => packEndpoints(given.map(one => endpoint('10.244.1.1', one))).states
  const [before, after] = [pack(), pack()]
  t.equal(new Set(before).size, given.length)
  t.ok(before.every((state, i) => state === after[i]))
  t.end()
})

t.test('also when there are more different ones than are remembered', t => {
  const many = Array.from({ length: 200 }, (_, i) => endpoint('10.244.1.1', { nodeHints: [`node${i}`] }))
  for (let round = 0; round < 2; round++) {
    const { states } = packEndpoints(many)
    t.ok(
      isDeepStrictEqual(
        states,
        many.map(({ state }) => state),
      ),
    )
  }
  t.end()
})
