// SPDX-License-Identifier: Apache-2.0
/** The slots of the backend that goes must move; here those are counted that move beyond. */
import t from 'tap'
import { maglevTable } from '../../agent/compile/maglev.ts'
import { type Endpoint, neighbours, owners, randomBits, randomSet, without } from './maglev-sets.ts'

const SETS = 500

/** Share of all slots that change hands between two backends that both stay. */
function beyond(set: readonly Endpoint[], gone: number): number {
  const before = owners(maglevTable(set), set)
  const rest = without(set, gone)
  const after = owners(maglevTable(rest), rest)
  if (after.length !== before.length) throw new Error(`${before.length} slots became ${after.length}`)
  return before.filter((owner, slot) => owner !== set[gone] && owner !== after[slot]).length / before.length
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`

function look(count: number, sets: readonly (readonly Endpoint[])[]) {
  const moved = sets.flatMap(set => Array.from({ length: Math.min(count, 10) }, (_, gone) => beyond(set, gone)))
  moved.sort((a, b) => a - b)
  const mean = moved.reduce((sum, share) => sum + share, 0) / moved.length
  const within = moved.filter(share => share <= 0.025).length / moved.length
  const p99 = moved[Math.floor(moved.length * 0.99)]!
  const text = `${moved.length} removals: mean ${percent(mean)}, p99 ${percent(p99)}, max ${percent(moved.at(-1)!)}`
  return { mean, within, text: `${text}; ${percent(within)} of them within 2.5 %` }
}

t.test('ten backends, one removed', t => {
  const random = randomBits(3)
  const { mean, within, text } = look(
    10,
    Array.from({ length: SETS }, () => randomSet(10, random)),
  )
  t.ok(mean <= 0.016, text)
  t.ok(within >= 0.97, 'hardly a removal moves more than 2.5 %')
  t.end()
})

t.test('ten neighbours, any one removed', t => {
  const { mean, within, text } = look(10, [neighbours(10)])
  t.ok(mean <= 0.025, text)
  t.equal(within, 1)
  t.end()
})

t.test('a hundred backends, one removed', t => {
  const random = randomBits(5)
  const { mean, within, text } = look(
    100,
    Array.from({ length: 20 }, () => randomSet(100, random)),
  )
  t.ok(mean <= 0.01, text)
  t.equal(within, 1)
  t.end()
})
