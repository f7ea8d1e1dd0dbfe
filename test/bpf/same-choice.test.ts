// SPDX-License-Identifier: Apache-2.0
/** Two nodes choose alike, whatever the order in which they learned of the backends; and hardly a choice moves when one goes. */
import t from 'tap'
import { addressBytes } from '../packet/address.ts'
import { xorshift } from '../packet/random.ts'
import { type Case, frameBetween, TCP4, UDP6 } from './cases.ts'
import { type Dataplane, loadDataplane } from './harness.ts'
import { addService, type Endpoint } from './services.ts'

const TUPLES = 5000
const TEN = Array.from({ length: 10 }, (_, i) => i + 1)

/** A node that learns of the backends in this order; ids differ with it. */
function node(test: Case, order: readonly number[]): Dataplane {
  const plane = loadDataplane()
  t.teardown(() => plane.close())
  for (const n of order) addService(plane, { frontends: [{ ...test.vip, port: n, proto: test.proto }], backends: [] })
  addService(plane, { frontends: [{ ...test.vip, proto: test.proto }], backends: order.map(test.backend) })
  return plane
}

/** Where each of the same clients is sent: the destination address, as bytes in hex. */
function choices(plane: Dataplane, test: Case): string[] {
  const random = xorshift(9)
  const size = test.version === 4 ? 4 : 16
  const end = 14 + (test.version === 4 ? 20 : 40)
  return Array.from({ length: TUPLES }, () => {
    const client: Endpoint = {
      address: test.backend(20 + random.below(230)).address,
      port: 1024 + random.below(60_000),
    }
    return plane.run('tc_pod_ingress', frameBetween(test, client, test.vip)).frame.toString('hex', end - size, end)
  })
}

for (const test of [TCP4, UDP6]) {
  t.test(test.name, async t => {
    const first = choices(node(test, TEN), test)
    t.same(choices(node(test, TEN.toReversed()), test), first, 'the other way round')
    t.same(choices(node(test, [5, 1, 9, 10, 2, 7, 4, 8, 3, 6]), test), first, 'in any order')
    t.equal(new Set(first).size, 10, 'all ten backends are chosen')
  })

  t.test(`${test.name}: one of ten backends goes`, async t => {
    const before = choices(node(test, TEN), test)
    const after = choices(node(test, TEN.slice(0, 9)), test)
    const gone = addressBytes(test.backend(10).address).toString('hex')
    const moved = before.filter((choice, i) => choice !== gone && choice !== after[i]).length / TUPLES
    t.notOk(after.includes(gone), 'nobody is sent to it')
    t.ok(moved <= 0.025, `${(100 * moved).toFixed(2)} % of all choices move without need`)
  })
}
