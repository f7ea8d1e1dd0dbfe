// SPDX-License-Identifier: Apache-2.0
/** How many choices move when a backend comes or goes, against the fewest that can, and whether connections stay where they are. */
import { mkdirSync, rmSync } from 'node:fs'
import { maglevTable } from '../agent/compile/maglev.ts'
import { servedDataplane } from './consistency-dataplane.ts'
import { benchOptions, publish, type Row, type Target } from './report.ts'

const { clients: CLIENTS } = benchOptions('What moves when a backend comes or goes.', {
  clients: [2_000, 'connections through the real program, for each number of backends'],
})

const COUNTS = [2, 3, 10, 100, 1_000]
/** The number that the target is about. */
const JUDGED = 10
const BEYOND: Target = { must: 2.5, aim: 1 }
const BROKEN: Target = { must: 0, aim: 0 }
/** Points at which two tables are compared, of whatever size: the hash is a number, of which a slot is a part. */
const POINTS = 1 << 18
/** Removals, each of another backend. */
const TRIES = 10

interface Endpoint {
  readonly address: string
  readonly port: number
}

/** Out of order, as a cluster gives addresses. */
function endpoint(number: number): Endpoint {
  const scattered = (number * 40_503) % 65_536
  return { address: `10.77.${scattered >> 8}.${scattered & 255}`, port: 8080 }
}

/** The owner of each point, as a number of endpoint(). */
function owners(numbers: readonly number[]): Int32Array {
  const table = maglevTable(numbers.map(endpoint))
  return Int32Array.from({ length: POINTS }, (_, i) => numbers[table[Math.floor((i * table.length) / POINTS)]!]!)
}

/** Per cent of points that move though their backend stays (a removal), or though not to the new one (an addition). */
function beyond(before: Int32Array, after: Int32Array, changed: number): number {
  let moved = 0
  for (let i = 0; i < POINTS; i++) {
    const needs = before[i] === changed || after[i] === changed
    if (before[i] !== after[i] && !needs) moved++
  }
  return (100 * moved) / POINTS
}

function numbersUpTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

function slotRows(count: number): Row[] {
  const all = numbersUpTo(count)
  const whole = owners(all)
  const tries = Math.min(TRIES, count)
  const gone = numbersUpTo(tries).map(i => Math.floor((i * count) / tries))
  const removal = gone.map(one => beyond(whole, owners(all.filter(number => number !== one)), one))
  const added = count + 1
  const addition = beyond(whole, owners([...all, added]), added)
  const judged = count === JUDGED ? { target: BEYOND } : {}
  const ideal = (share: number) => `beyond the ${(100 / share).toFixed(1)} % that must`
  return [
    {
      what: `${count} backends, one goes: slots that move`,
      value: mean(removal),
      unit: '%',
      ...judged,
      note: ideal(count),
    },
    { what: `${count} backends, one comes: slots that move`, value: addition, unit: '%', note: ideal(count + 1) },
  ]
}

/** Connections through the real program and the agent's own maps. */
function connectionRows(count: number, folder: string): Row[] {
  const plane = servedDataplane(folder)
  try {
    const all = numbersUpTo(count).map(endpoint)
    plane.serve(all)
    const before = plane.connect(CLIENTS)
    plane.serve(all.toSpliced(count >> 1, 1))
    const afterRemoval = plane.goOn(CLIENTS)
    plane.serve([...all.toSpliced(count >> 1, 1), endpoint(count + 1)])
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
      return [...slotRows(count), ...connectionRows(count, folder)]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  const method = `slots: means over ${TRIES} removals, exact for their tables; connections: TCP through tc_pod_ingress by test-run`
  const report = { part: 'consistency', method, rows, controls: [] }
  publish(report)
}

main()
