// SPDX-License-Identifier: Apache-2.0
/** Nanoseconds that a packet costs in the tc programs, above a program that does nothing. */
import { printTable } from '../agent/cli/output.ts'
import { bridge } from '../agent/kernel/bridge.ts'
import { type Case, frameBetween, TCP4, TCP6, UDP4, UDP6 } from '../test/bpf/cases.ts'
import { type Dataplane, loadDataplane, type Program } from '../test/bpf/harness.ts'
import { addService } from '../test/bpf/services.ts'
import { loadNullProgram } from './null-program.ts'
import { interleave, median, type Subject, withRunTimes } from './run-time.ts'

const ROUNDS = 16
const RUNS = 2_000
/** The control is the same program twice: further apart than this, and the figures mean nothing. */
const LARGEST_DIFFERENCE = 0.05

function established(dataplane: Dataplane, test: Case): Subject[] {
  const backend = test.backend(1)
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [backend] })
  const there = frameBetween(test, test.client, test.vip, { flags: 'A' })
  const back = frameBetween(test, backend, test.client, { flags: 'A' })
  dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip, { flags: 'S' }))
  return [
    subject(dataplane, `${test.name}, established, to the Service`, 'tc_pod_ingress', () => there),
    subject(dataplane, `${test.name}, established, reply`, 'tc_pod_egress', () => back),
  ]
}

/** Every run is a new client's. Ports come round long after their flows have been evicted. */
function opening(dataplane: Dataplane, affinity: number): Subject {
  const vip = { address: `10.96.1.${affinity === 0 ? 1 : 2}`, port: 80 }
  const backends = Array.from({ length: 10 }, (_, n) => TCP4.backend(n + 1))
  addService(dataplane, { frontends: [{ ...vip, proto: TCP4.proto }], backends, affinity })
  const frames = Array.from({ length: 32_000 }, (_, n) => frameBetween(TCP4, { ...TCP4.client, port: 1_024 + n }, vip))
  let next = 0
  const what = affinity === 0 ? 'first packet of a flow' : 'first packet of a flow, ClientIP affinity'
  return subject(dataplane, `TCP over IPv4, ${what}`, 'tc_pod_ingress', () => frames[next++ % frames.length]!)
}

function subject(dataplane: Dataplane, name: string, program: Program, frame: () => Buffer): Subject {
  return { name, programFd: dataplane.programs[program], frame }
}

function main(): void {
  const dataplane = loadDataplane({ flows: 16_384 })
  const nullFd = loadNullProgram()
  const stranger = frameBetween(TCP4, TCP4.client, TCP4.stranger, { flags: 'A' })
  const nothing: Subject = { name: 'nothing', programFd: nullFd, frame: () => stranger }
  const control: Subject = { ...nothing, name: 'nothing, again (control)' }
  const subjects = [
    nothing,
    control,
    subject(dataplane, 'TCP over IPv4, for no Service', 'tc_pod_ingress', () => stranger),
    ...[TCP4, TCP6, UDP4, UDP6].flatMap(test => established(dataplane, test)),
    opening(dataplane, 0),
    opening(dataplane, 3_600),
  ]
  const means = withRunTimes(() => interleave(subjects, ROUNDS, RUNS))
  report(subjects, means, nothing, control)
  bridge.close(nullFd)
  dataplane.close()
}

function report(
  subjects: readonly Subject[],
  means: ReadonlyMap<Subject, readonly number[]>,
  nothing: Subject,
  control: Subject,
): void {
  const zero = means.get(nothing) ?? []
  const above = (subject: Subject) => median((means.get(subject) ?? []).map((mean, round) => mean - zero[round]!))
  const rows = subjects.slice(1).map(subject => [subject.name, above(subject).toFixed(0)])
  printTable(['packet', 'ns above nothing'], rows)
  const base = median(zero)
  const apart = Math.abs(above(control)) / base
  process.stdout.write(
    `nothing itself: ${base.toFixed(0)} ns; ${ROUNDS} interleaved rounds of ${RUNS} packets, medians\n`,
  )
  if (apart > LARGEST_DIFFERENCE)
    process.stdout.write(`noisy: the control is off by ${(apart * 100).toFixed(0)} %, so do not quote these figures\n`)
}

main()
