// SPDX-License-Identifier: Apache-2.0
/**
 * Slots have 4, 8 or 16 bits, and one more backend may make the table larger: programs that read one wrong would lead nearly all
 * elsewhere.
 */
import t from 'tap'
import { addressBytes } from '../packet/address.ts'
import { xorshift } from '../packet/random.ts'
import { type Case, frameBetween, TCP4 } from './cases.ts'
import { type Dataplane, loadDataplane } from './harness.ts'
import { addService } from './services.ts'

const TUPLES = 1_000
const COUNTS = [1, 2, 10, 13, 16, 26, 52, 256]
/** With more backends than a byte can tell apart. */
const WIDE: Case = { ...TCP4, backend: n => ({ address: `10.0.${2 + (n >> 8)}.${n & 255}`, port: 8080 }) }
const NEW = addressBytes(WIDE.backend(1).address).toString('hex')

/** A Service for each count, at a port of its own: with so many backends and `more`. */
function node(more: number): Dataplane {
  const plane = loadDataplane()
  t.teardown(() => plane.close())
  for (const count of COUNTS) {
    const backends = Array.from({ length: count + more }, (_, i) => WIDE.backend(count + 1 - i))
    addService(plane, { frontends: [{ ...WIDE.vip, port: count, proto: WIDE.proto }], backends })
  }
  return plane
}

/** Where the same clients are sent: the destination address, as bytes in hex. */
function choices(plane: Dataplane, port: number): string[] {
  const random = xorshift(port)
  return Array.from({ length: TUPLES }, () => {
    const client = { address: WIDE.backend(600 + random.below(200)).address, port: 1024 + random.below(60_000) }
    const frame = frameBetween(WIDE, client, { ...WIDE.vip, port })
    return plane.run('tc_pod_ingress', frame).frame.toString('hex', 30, 34)
  })
}

const [before, after] = [node(0), node(1)]

for (const count of COUNTS)
  t.test(`${count} backends, and one more`, async t => {
    const few = choices(before, count)
    const many = choices(after, count)
    const moved = many.filter((choice, i) => choice !== NEW && choice !== few[i]).length / TUPLES
    t.ok(moved <= 0.04, `${(100 * moved).toFixed(1)} % of choices move without need`)
    const share = many.filter(choice => choice === NEW).length / TUPLES
    const fair = 1 / (count + 1)
    t.ok(Math.abs(share - fair) < 5 * Math.sqrt(fair / TUPLES), `the new one has ${(100 * share).toFixed(1)} %`)
    t.ok(new Set(many).size > Math.min(count, 200), 'all the others are chosen, or of very many most')
  })
