// SPDX-License-Identifier: Apache-2.0
/** What the one that goes has, and what the one that comes gets, must move; here is counted what moves beyond. */
import t from 'tap'
import { maglevTable, tableSize } from '../../agent/compile/maglev.ts'
import { type Endpoint, neighbours, randomBits, randomSet, without } from './maglev-sets.ts'

/** Share of all hashes whose backend is another one with `rest` than with `rest` and `one`, though neither is `one`. */
function beyond(rest: readonly Endpoint[], one: Endpoint): number {
  const all = [...rest, one]
  const [few, many] = [maglevTable(rest), maglevTable(all)]
  // Sizes are multiples of each other: a slot of the smaller table is so many of the larger one.
  const slots = Math.max(few.length, many.length)
  let moved = 0
  for (let slot = 0; slot < slots; slot++) {
    const owner = many[Math.floor((slot * many.length) / slots)]!
    if (owner !== rest.length && owner !== few[Math.floor((slot * few.length) / slots)]) moved++
  }
  return moved / slots
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`

function look(sets: readonly (readonly Endpoint[])[], changes: number) {
  const moved = sets.flatMap(set =>
    Array.from({ length: Math.min(set.length, changes) }, (_, i) => {
      const gone = Math.floor((i * set.length) / Math.min(set.length, changes))
      return beyond(without(set, gone), set[gone]!)
    }),
  )
  moved.sort((a, b) => a - b)
  const mean = moved.reduce((sum, share) => sum + share, 0) / moved.length
  const within = moved.filter(share => share <= 0.025).length / moved.length
  const p99 = moved[Math.floor(moved.length * 0.99)]!
  const text = `${moved.length} changes: mean ${percent(mean)}, p99 ${percent(p99)}, max ${percent(moved.at(-1)!)}`
  return { mean, within, text: `${text}; ${percent(within)} of them within 2.5 %` }
}

const setsOf = (number: number, count: number, random: () => number) =>
  Array.from({ length: number }, () => randomSet(count, random))

t.test('between nine and ten backends, and between ten and eleven', t => {
  const random = randomBits(3)
  for (const count of [10, 11]) {
    const { mean, within, text } = look(setsOf(500, count, random), 10)
    t.ok(mean <= 0.014, text)
    t.ok(within >= 0.98, 'hardly a change moves more than 2.5 %')
  }
  t.end()
})

t.test('among neighbours', t => {
  for (const count of [10, 11, 100]) {
    const { mean, text } = look([neighbours(count)], 20)
    t.ok(mean <= 0.025, `${count} backends, ${text}`)
  }
  t.end()
})

t.test('between any two numbers of backends up to 130, whatever the sizes of their tables', t => {
  const random = randomBits(5)
  for (let count = 2; count <= 131; count++) {
    const { mean, text } = look(setsOf(count < 40 ? 20 : 4, count, random), 3)
    t.ok(mean <= 0.03, `${count - 1} and ${count} backends, ${text}`)
  }
  t.end()
})

t.test('where tables grow, and slots get wider', t => {
  const random = randomBits(9)
  for (const count of [2, 14, 17, 27, 53, 105, 209, 257, 417, 834, 1_668]) {
    const { mean, text } = look(setsOf(count < 100 ? 40 : 4, count, random), 3)
    t.not(tableSize(count) * widthOf(count), tableSize(count - 1) * widthOf(count - 1), 'another table')
    t.ok(mean <= 0.025, `${count - 1} and ${count} backends, ${text}`)
  }
  t.end()
})

function widthOf(count: number): number {
  return maglevTable(neighbours(count)).BYTES_PER_ELEMENT * (count > 16 ? 2 : 1)
}
