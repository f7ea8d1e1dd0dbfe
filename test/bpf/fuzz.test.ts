// SPDX-License-Identifier: Apache-2.0
/**
 * Random and damaged packets: none is mangled, every translated one has its checksums as right as before, and the kernel has nothing
 * to complain about. FUZZ_PACKETS sets how many, FUZZ_SEED which.
 */
import { constants as osConstants } from 'node:os'
import t from 'tap'
import { mappedBytes } from '../packet/address.ts'
import { describeFully } from '../packet/describe.ts'
import { type Population, randomFrame } from '../packet/generate.ts'
import { mutate } from '../packet/mutate.ts'
import { PROTO } from '../packet/protocol.ts'
import { type Random, xorshift } from '../packet/random.ts'
import {
  type Dataplane,
  loadDataplane,
  type Outcome,
  type Program,
  RunError,
  type RunOptions,
  shortestRun,
} from './harness.ts'
import { judge, type Known, TREATMENTS, type Treatment } from './judge.ts'
import { troubles, watchKernelLog } from './kernel-log.ts'
import { addService } from './services.ts'

const PACKETS = Number(process.env.FUZZ_PACKETS ?? 1_000_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const PODS = { 4: ['10.0.1.1', '10.0.1.2'], 6: ['fd00:1::1', 'fd00:1::2'] } as const
const BACKENDS = { 4: ['10.0.2.1', '10.0.2.2'], 6: ['fd00:2::1', 'fd00:2::2'] } as const
const VIPS = { 4: ['10.96.0.1', '10.96.0.2'], 6: ['fd96::1', 'fd96::2'] } as const
const NODE = { 4: '192.168.0.3', 6: 'fd77::3' } as const
const STRANGER = { 4: '192.0.2.7', 6: '2001:db8::7' } as const

const POPULATION: Population = {
  addresses4: [...PODS[4], ...BACKENDS[4], ...VIPS[4], ...VIPS[4], NODE[4], STRANGER[4]],
  addresses6: [...PODS[6], ...BACKENDS[6], ...VIPS[6], ...VIPS[6], NODE[6], STRANGER[6]],
  ports: [80, 80, 81, 8080, 8080, 1000, 1001, 30_080],
}

const KNOWN: Known = {
  services: new Set([...VIPS[4], ...VIPS[6], NODE[4], NODE[6]]),
  backends: new Set([...BACKENDS[4], ...BACKENDS[6], PODS[4][0], PODS[6][0]]),
}

/** Services with all that a Service can have: affinity, empty pools, a client among its own backends, a nodePort. */
function addServices(plane: Dataplane): void {
  for (const version of [4, 6] as const) {
    const [one, two] = VIPS[version]
    const backends = [...BACKENDS[version], PODS[version][0]].map(address => ({ address, port: 8080 }))
    for (const proto of [PROTO.TCP, PROTO.UDP]) {
      addService(plane, { frontends: [{ address: one, port: 80, proto }], backends })
      addService(plane, { frontends: [{ address: one, port: 81, proto }], backends: [] })
      addService(plane, { frontends: [{ address: two, port: 80, proto }], backends, affinity: 1 })
      addService(plane, { frontends: [{ address: two, port: 81, proto }], backends: [], drop: true })
      const any = version === 4 ? '0.0.0.0' : '::'
      addService(plane, { frontends: [{ address: any, port: 30_080, proto }], backends })
      plane.frontends.delete({ addr: mappedBytes(any), port: 0, proto: 0, scope: 0 })
    }
    const samePort = backends.map(({ address }) => ({ address, port: 80 }))
    addService(plane, { frontends: [{ address: one, port: 80, proto: PROTO.SCTP }], backends: samePort })
    addService(plane, { frontends: [{ address: two, port: 80, proto: PROTO.SCTP }], backends })
    plane.nodeAddrs.update(mappedBytes(NODE[version]), 2)
  }
}

function nextFrame(random: Random): Buffer {
  const frame = randomFrame(random, POPULATION)
  return random.once(3) ? frame : mutate(random, frame)
}

function nextOptions(random: Random, frame: Buffer): RunOptions {
  if (random.once(2)) return { checksumComplete: true }
  if (!random.once(4)) return {}
  const gsoSegs = 2 + random.below(3)
  return { gsoSegs, gsoSize: Math.ceil(frame.length / gsoSegs) }
}

/** Once more without a device's sum when the first run broke it, which leaves no outcome. */
function runBoth(plane: Dataplane, program: Program, frame: Buffer, options: RunOptions) {
  try {
    return { outcome: plane.run(program, frame, options), brokeSum: false }
  } catch (error) {
    if (!(error instanceof RunError) || error.errno !== osConstants.errno.EBADMSG) throw error
    return { outcome: plane.run(program, frame), brokeSum: true }
  }
}

/** Frames that BPF_PROG_TEST_RUN takes: nothing below an IP header. */
function canRun(frame: Buffer): boolean {
  return frame.length >= 15 && frame.length >= shortestRun(frame)
}

t.test(`${PACKETS} packets with seed ${SEED}`, { timeout: 1_800_000 }, async t => {
  const messagesSince = watchKernelLog()
  const plane = loadDataplane()
  addServices(plane)
  const random = xorshift(SEED)
  const counts = new Map<Treatment, number>(TREATMENTS.map(treatment => [treatment, 0]))
  const begun = performance.now()
  let failures = 0
  for (let n = 0; n < PACKETS && failures < 10; ) {
    const frame = nextFrame(random)
    if (!canRun(frame)) continue
    n++
    const program: Program = random.once(3) ? 'tc_pod_egress' : 'tc_pod_ingress'
    const options = nextOptions(random, frame)
    let outcome: Outcome | undefined
    try {
      const run = runBoth(plane, program, frame, options)
      outcome = run.outcome
      const treatment = judge(program, frame, outcome, KNOWN)
      // To answer, packets are cut: then the kernel does not use the device's sum any more, but compares it all the same.
      if (run.brokeSum && treatment !== 'refused' && treatment !== 'reset')
        throw new Error("the device's sum is wrong (CHECKSUM_COMPLETE)")
      counts.set(treatment, counts.get(treatment)! + 1)
    } catch (error) {
      failures++
      const fault = error instanceof Error ? error.message : String(error)
      const got = outcome ? { verdict: outcome.verdict, got: describeFully(outcome.frame) } : {}
      t.fail(`packet ${n}, ${program}: ${fault}`, { options, sent: describeFully(frame), ...got })
    }
  }
  const seconds = (performance.now() - begun) / 1000
  plane.close()
  t.comment(`${PACKETS} packets in ${seconds.toFixed(1)} s: ${Math.round(PACKETS / seconds)} a second`)
  t.comment([...counts].map(([treatment, count]) => `${treatment} ${count}`).join(', '))
  t.equal(failures, 0, 'no packet was mangled')
  for (const [treatment, count] of counts)
    t.ok(count * 2000 > PACKETS, `${treatment}: ${count}, enough to mean something`)
  t.same(troubles(messagesSince()), [], 'no warning in the kernel log')
})
