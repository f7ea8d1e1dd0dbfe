// SPDX-License-Identifier: Apache-2.0
/**
 * The quick way through plain headers says of a packet what the long one says, or nothing: programs that have only the long one do the
 * same to every frame, and hold the same flows afterwards.
 */
import t, { type Test } from 'tap'
import { build } from '../../bench/variants.ts'
import { describeFully } from '../packet/describe.ts'
import { mutate } from '../packet/mutate.ts'
import { type Random, xorshift } from '../packet/random.ts'
import { borders } from './borders.ts'
import { CASES, type Case, type FrameFields, frameBetween } from './cases.ts'
import { type Dataplane, loadDataplane, type Program, RunError, shortestRun, VERDICT } from './harness.ts'
import { addService, type Endpoint } from './services.ts'

const MUTATED = 20_000
const SEED = 3

const LONG = build({
  name: 'only the long way through headers',
  edits: [{ file: 'parse.h', from: 'if (ek_parse_plain(ctx, p))', to: 'if (false)' }],
})
const planes = [loadDataplane(), loadDataplane({ file: LONG })] as const
t.teardown(() => {
  for (const plane of planes) plane.close()
})

interface Way {
  readonly program: Program
  readonly from: Endpoint
  readonly to: Endpoint
}

/** There and back, and to where nobody is, which is refused. */
function waysOf({ client, vip, backend }: Case): readonly Way[] {
  return [
    { program: 'tc_pod_ingress', from: client, to: vip },
    { program: 'tc_pod_ingress', from: client, to: { ...vip, port: 81 } },
    { program: 'tc_pod_egress', from: backend(1), to: client },
  ]
}

for (const test of CASES)
  for (const plane of planes) {
    addService(plane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
    addService(plane, { frontends: [{ ...test.vip, port: 81, proto: test.proto }], backends: [] })
  }

/** An established flow, anew after whatever may have ended it. */
function establish(test: Case): void {
  const { client, vip, backend } = test
  const send = (program: Program, from: Endpoint, to: Endpoint, fields: FrameFields) => {
    for (const plane of planes) plane.run(program, frameBetween(test, from, to, fields))
  }
  send('tc_pod_ingress', client, vip, { flags: 'S' })
  send('tc_pod_egress', backend(1), client, { flags: 'SA' })
  send('tc_pod_ingress', client, vip, { flags: 'A' })
}

/** What became of a frame, as text. */
function fateOf(plane: Dataplane, program: Program, sent: Buffer): string {
  try {
    const { verdict, frame } = plane.run(program, sent)
    const passed = verdict === VERDICT.PASS
    const what = passed
      ? frame.equals(sent)
        ? 'untouched'
        : 'translated'
      : verdict === VERDICT.SHOT
        ? 'dropped'
        : 'sent'
    return `${what}: verdict ${verdict}, ${frame.toString('hex')}`
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    return `not run: errno ${error.errno}`
  }
}

/** By what became of frames, how many. */
type Fates = Map<string, number>

function compare(t: Test, fates: Fates, name: string, program: Program, frame: Buffer): void {
  const [quick, long] = planes.map(plane => fateOf(plane, program, frame)) as [string, string]
  const fate = quick.slice(0, quick.indexOf(':'))
  fates.set(fate, (fates.get(fate) ?? 0) + 1)
  if (quick !== long) t.equal(quick, long, `${program}, ${name}: ${describeFully(frame)}`)
}

/** Not when it was seen: the clock goes on. */
function flowsOf({ flows }: Dataplane): string[] {
  const texts = [...flows.entries()].map(([key, { seen: _, tick: __, ...flow }]) => JSON.stringify([key, flow]))
  return texts.sort()
}

/** That something was compared, and was the same. */
function isAlike(t: Test, fates: Fates, least: number): void {
  t.comment([...fates].map(([fate, count]) => `${fate} ${count}`).join(', '))
  for (const fate of ['untouched', 'translated', 'sent'])
    t.ok((fates.get(fate) ?? 0) >= least, `${fate}: ${fates.get(fate)}, enough to mean something`)
  t.equal(fates.get('not run'), undefined, 'the kernel took every frame')
  const [quick, long] = planes
  t.same(flowsOf(quick), flowsOf(long), 'the flows are the same')
  t.same([...quick.reasons.sums()], [...long.reasons.sums()], 'and what was turned away')
}

for (const test of CASES)
  t.test(`${test.name}: frames at the borders of what is plain`, async t => {
    const fates: Fates = new Map()
    for (const { program, from, to } of waysOf(test))
      for (const [name, frame] of borders(test, from, to)) {
        establish(test)
        compare(t, fates, name, program, frame)
      }
    isAlike(t, fates, 50)
  })

/** One of the frames that mean something, most often damaged. */
function nextFrame(random: Random, test: Case, { from, to }: Way): Buffer {
  const flags = random.pick(['A', 'A', 'PA', 'S', 'FA', 'R'])
  const frame = frameBetween(test, from, to, { flags, payload: random.bytes(random.below(40)) })
  return random.once(8) ? frame : mutate(random, frame)
}

t.test(`${MUTATED} damaged frames with seed ${SEED}`, async t => {
  const random = xorshift(SEED)
  const fates: Fates = new Map()
  for (let n = 0; n < MUTATED; ) {
    const test = random.pick(CASES)
    const way = random.pick(waysOf(test))
    const frame = nextFrame(random, test, way)
    if (frame.length < 15 || frame.length < shortestRun(frame)) continue
    n++
    establish(test)
    compare(t, fates, `frame ${n}`, way.program, frame)
  }
  isAlike(t, fates, 500)
})
