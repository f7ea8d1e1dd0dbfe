// SPDX-License-Identifier: Apache-2.0
/** How many choices move when a backend comes or goes, against the fewest that can, and whether connections stay where they are. */
import { mkdirSync, rmSync } from 'node:fs'
import { maglevTable, tableSize } from '../agent/compile/maglev.ts'
import { servedDataplane } from './consistency-dataplane.ts'
import { benchOptions, publish, type Row, type Target } from './report.ts'

const { clients: CLIENTS } = benchOptions('What moves when a backend comes or goes.', {
  clients: [2_000, 'connections through the real program, for each number of backends'],
})

const COUNTS = [2, 3, 10, 100, 1_000]
/** One more, and the table has more slots or wider ones. */
const GROWING = [1, 13, 16, 26, 256]
/** The number that the target is about. */
const JUDGED = 10
const BEYOND: Target = { must: 2.5, aim: 1 }
const BROKEN: Target = { must: 0, aim: 0 }
/** Tables that are compared with one of a backend less, for each number: one or another goes. */
const CHANGES = 200
/** Of more backends fewer, as their tables differ less from each other. */
const SLOTS = 10_000_000

interface Endpoint {
  readonly address: string
  readonly port: number
}

/** Out of order, as a cluster gives addresses. */
function endpoint(number: number): Endpoint {
  const scattered = (number * 40_503) % 65_536
  return { address: `10.77.${scattered >> 8}.${scattered & 255}`, port: 8080 }
}

/**
 * Per cent of all hashes whose backend is another one when the last of these backends is there than when it is not, though it is not
 * itself either of the two.
 */
function beyond(numbers: readonly number[]): number {
  const few = maglevTable(numbers.slice(0, -1).map(endpoint))
  const many = maglevTable(numbers.map(endpoint))
  const last = numbers.length - 1
  // A slot of the smaller table is so many of the larger one.
  const slots = Math.max(few.length, many.length)
  let moved = 0
  for (let i = 0; i < slots; i++) {
    const owner = many[Math.floor((i * many.length) / slots)]!
    if (owner !== last && owner !== few[Math.floor((i * few.length) / slots)]) moved++
  }
  return (100 * moved) / slots
}

function numbersFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

/** In the mean over sets of so many backends, of which one is the one that comes or goes. */
function change(count: number): number {
  const changes = Math.max(5, Math.min(CHANGES, Math.floor(SLOTS / tableSize(count))))
  return mean(numbersFrom(0, changes).map(i => beyond(numbersFrom((i * count) % 60_000, count))))
}

function slotRow(count: number, what: 'goes' | 'comes'): Row {
  const larger = what === 'goes' ? count : count + 1
  return {
    what: `${count} backends, one ${what}: slots that move`,
    value: change(larger),
    unit: '%',
    ...(count === JUDGED ? { target: BEYOND } : {}),
    note: `beyond the ${(100 / larger).toFixed(1)} % that must`,
  }
}

/** Connections through the real program and the agent's own maps. */
function connectionRows(count: number, folder: string): Row[] {
  const plane = servedDataplane(folder)
  try {
    const all = numbersFrom(0, count).map(number => endpoint(number).address)
    plane.serve(all)
    const before = plane.connect(CLIENTS)
    plane.serve(all.toSpliced(count >> 1, 1))
    const afterRemoval = plane.goOn(CLIENTS)
    plane.serve([...all.toSpliced(count >> 1, 1), endpoint(count + 1).address])
    const afterAddition = plane.goOn(CLIENTS)
    const broken = before.filter((backend, i) => backend !== afterRemoval[i] || backend !== afterAddition[i]).length
    const what = `${count} backends, one goes and another comes: connections of ${CLIENTS} that break`
    return [{ what, value: broken, unit: '', target: BROKEN, note: `over ${new Set(before).size} backends` }]
  } finally {
    plane.close()
  }
}

function main(): void {
  const folder = `/sys/fs/bpf/ek-bench-consistency-${process.pid}`
  const rows = COUNTS.flatMap(count => {
    mkdirSync(folder)
    try {
      return [slotRow(count, 'goes'), slotRow(count, 'comes'), ...connectionRows(count, folder)]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  rows.push(...GROWING.map(count => slotRow(count, 'comes')))
  const method = `slots: means over ${CHANGES} sets (fewer of many backends), exact for their tables; connections: TCP through tc_pod_ingress by test-run`
  const report = { part: 'consistency', method, rows, controls: [] }
  publish(report)
}

main()
