// SPDX-License-Identifier: Apache-2.0
/** What packets cost in programs, above a program that does nothing: all in turns, in one run. */
import { difference, interleave, type Measured, median, perRound } from './abba.ts'
import type { Report, Row, Target } from './report.ts'

export interface Subject {
  readonly name: string
  /** Nanoseconds a packet. */
  readonly measure: () => number
  readonly target?: Target
}

export interface Comparison {
  readonly part: string
  readonly method: string
  readonly rounds: number
  /** Two that do nothing; the second is the control. */
  readonly zeros: readonly [Subject, Subject]
  readonly subjects: readonly Subject[]
}

export interface Compared {
  readonly measured: Measured<Subject>
  readonly report: Report
}

export async function compare({ part, method, rounds, zeros, subjects }: Comparison): Promise<Compared> {
  const [zero, again] = zeros
  const measured = await interleave([zero, ...subjects, again], rounds, subject => subject.measure())
  const base = median(perRound(measured, zero))
  const text = `${method}; nothing itself: ${base.toFixed(0)} ns; ${rounds} rounds, median of the rounds`
  const controls = [{ what: 'nothing / nothing', ratio: 1 + difference(measured, again, zero) / base }]
  const rows = subjects.map(subject => rowOf(measured, subject, zero))
  return { measured, report: { part, method: text, rows, controls } }
}

function rowOf(measured: Measured<Subject>, subject: Subject, zero: Subject): Row {
  const { name, target } = subject
  return { what: name, value: difference(measured, subject, zero), unit: 'ns', ...(target && { target }) }
}
