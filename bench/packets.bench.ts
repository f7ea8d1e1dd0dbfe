// SPDX-License-Identifier: Apache-2.0
/** Nanoseconds that a packet costs in the tc programs, above a program that does nothing; and what each part of that is. */
import { schema } from '../agent/config/schema.ts'
import { ringSlots } from '../agent/reconcile/rings.ts'
import { TCP4, TCP6, UDP4, UDP6 } from '../test/bpf/cases.ts'
import { type Dataplane, loadDataplane } from '../test/bpf/harness.ts'
import { difference } from './abba.ts'
import { compare, type Subject } from './above-nothing.ts'
import { loadNullProgram } from './null-program.ts'
import {
  crowd,
  established,
  fragmented,
  icmpError,
  learnAddresses,
  opening,
  type Scene,
  stranger,
  unchanged,
} from './packet-scenes.ts'
import { benchOptions, publish, type Report, type Row, type Target } from './report.ts'
import { apart, packed, withRunTimes } from './run-time.ts'
import { applies, build, FIRST_PARTS, PARTS, type Variant } from './variants.ts'

const { rounds: ROUNDS, packets: RUNS } = benchOptions(
  'What a packet costs in the tc programs: BPF_PROG_TEST_RUN, ns above a program that does nothing.',
  { rounds: [16, 'how often all take turns, twice each'], packets: [2_000, 'of each kind in a turn'] },
)

const CROWDS = [1, 4_096, 65_536]
/** As configured by default: room for the largest crowd, two entries a flow. */
const { flows: FLOWS, opening: OPENING } = schema.parse({}).sizes

const ESTABLISHED: Target = { must: 250, aim: 150 }
/** The first packet costs this much more than one of an established flow. */
const FIRST_EXTRA: Target = { must: 500, aim: 350 }

function apartOf({ name, programFd, frame, tidy = () => {} }: Scene, target?: Target): Subject {
  const measure = () => {
    const ns = apart(programFd, frame, RUNS)
    tidy()
    return ns
  }
  return { name, measure, ...(target && { target }) }
}

function packedOf({ name, programFd, frame }: Scene, target?: Target): Subject {
  return { name, measure: () => packed(programFd, frame(), RUNS * 20), ...(target && { target }) }
}

/** Two subjects that do the same, for the control. */
function nothing(measureOf: (scene: Scene) => Subject): readonly [Subject, Subject] {
  const programFd = loadNullProgram()
  const frame = Buffer.alloc(64)
  const one = (name: string) => measureOf({ name, programFd, frame: () => frame })
  return [one('nothing'), one('nothing, again')]
}

/** With what lies between packets in practice: each run is a system call of its own. */
async function scenes(dataplane: Dataplane, crowds: readonly Scene[]): Promise<Report> {
  const usual = [TCP4, TCP6, UDP4, UDP6].flatMap(test => established(dataplane, test))
  const first = apartOf(opening(dataplane, 0))
  const [there] = usual.map(scene => apartOf(scene, ESTABLISHED))
  const subjects = [
    apartOf(stranger(dataplane)),
    there!,
    ...usual.slice(1).map(scene => apartOf(scene, ESTABLISHED)),
    ...fragmented(dataplane).map(scene => apartOf(scene)),
    apartOf(icmpError(dataplane)),
    first,
    apartOf(opening(dataplane, 3_600)),
    ...crowds.map(scene => apartOf(scene)),
  ]
  learnAddresses(dataplane)
  const method = `${RUNS} packets a turn, each a system call`
  const { measured, report } = await compare({
    part: 'packets, apart',
    method,
    rounds: ROUNDS,
    zeros: nothing(apartOf),
    subjects,
  })
  const extra: Row = {
    what: 'TCP over IPv4, first packet, above an established one',
    value: difference(measured, first, there!),
    unit: 'ns',
    target: FIRST_EXTRA,
  }
  return { ...report, rows: [...report.rows, extra] }
}

/** As test-run figures are usually given: everything in the caches. */
async function hot(dataplane: Dataplane): Promise<Report> {
  const subjects = [
    packedOf(stranger(dataplane)),
    ...[TCP4, TCP6, UDP4, UDP6].flatMap(test => unchanged(dataplane, test)).map(scene => packedOf(scene, ESTABLISHED)),
  ]
  const method = `${RUNS * 20} packets a turn, closely, each coming out as it went in`
  const zeros = nothing(packedOf)
  return (await compare({ part: 'packets, closely', method, rounds: ROUNDS, zeros, subjects })).report
}

function fits(variant: Variant): boolean {
  if (applies(variant)) return true
  process.stderr.write(`bpf/ has changed: "${variant.name}" is left out; mend bench/variants.ts\n`)
  return false
}

/** What is saved by leaving a part out. */
async function parts(): Promise<Report> {
  const variants = [{ name: 'all', edits: [] }, ...PARTS.filter(fits)].map(variant => {
    const dataplane = loadDataplane({ file: build(variant) })
    return { ...variant, dataplane, subject: packedOf({ ...unchanged(dataplane, TCP4)[0], name: variant.name }) }
  })
  const method = 'TCP over IPv4, established, to the Service, closely; ns above nothing of builds that lack a part'
  const zeros = nothing(packedOf)
  const [all, ...others] = variants.map(({ subject }) => subject)
  const { measured, report } = await compare({
    part: 'packets, parts',
    method,
    rounds: ROUNDS,
    zeros,
    subjects: [all!, ...others],
  })
  for (const { dataplane } of variants) dataplane.close()
  const rows = others.map(one => {
    const saved = difference(measured, all!, one)
    return {
      what: one.name,
      value: difference(measured, one, zeros[0]),
      unit: 'ns',
      note: `${saved.toFixed(0)} ns less`,
    }
  })
  return { ...report, rows: [report.rows[0]!, ...rows] }
}

/** So many entries are within the caches. */
const FEW = 4_096

/** When a first packet's time goes by, with the table as configured by default and with a small one: the rest is memory. */
async function firstParts(): Promise<Report> {
  const sizes = [
    { flows: FLOWS, what: '' },
    { flows: FEW, what: `, room for ${FEW} entries` },
  ]
  const made = sizes.flatMap(({ flows, what }) =>
    FIRST_PARTS.filter(fits).map(variant => {
      const dataplane = loadDataplane({ flows, opening: ringSlots(OPENING, flows), file: build(variant) })
      const subject = apartOf({ ...opening(dataplane, 0), name: `${variant.name}${what}` })
      learnAddresses(dataplane)
      return { dataplane, subject }
    }),
  )
  const { report } = await compare({
    part: 'packets, parts of a first one',
    method: `TCP over IPv4, ${RUNS} new clients a turn, each a system call; ns above nothing of builds that end early`,
    rounds: ROUNDS,
    zeros: nothing(apartOf),
    subjects: made.map(({ subject }) => subject),
  })
  for (const { dataplane } of made) dataplane.close()
  return report
}

async function main(): Promise<void> {
  const dataplane = loadDataplane({ flows: FLOWS, opening: ringSlots(OPENING, FLOWS) })
  const crowded = CROWDS.map(flows => ({ flows, dataplane: loadDataplane({ flows: FLOWS }) }))
  const crowds = crowded.map(({ dataplane, flows }) => crowd(dataplane, flows))
  publish(await withRunTimes(() => scenes(dataplane, crowds)))
  publish(await hot(dataplane))
  publish(await parts())
  publish(await withRunTimes(firstParts))
  for (const one of [dataplane, ...crowded.map(({ dataplane }) => dataplane)]) one.close()
}

await main()
