// SPDX-License-Identifier: Apache-2.0
/** Assertions about what became of a frame. A failure shows both packets. */
import type { Test } from 'tap'
import { describeFully } from '../packet/describe.ts'
import { type Outcome, VERDICT } from './harness.ts'

/** Goes on, as exactly this frame. */
export function passesAs(t: Test, outcome: Outcome, expected: Buffer, what: string): void {
  t.equal(describeFully(outcome.frame), describeFully(expected), what)
  t.equal(outcome.verdict, VERDICT.PASS, `${what}: passed on`)
}

/** Is sent out of a device, that where it came in or another, as exactly this frame. */
export function sentAs(t: Test, outcome: Outcome, expected: Buffer, what: string): void {
  t.equal(describeFully(outcome.frame), describeFully(expected), what)
  t.equal(outcome.verdict, VERDICT.REDIRECT, `${what}: sent`)
}

export function isDropped(t: Test, outcome: Outcome, what: string): void {
  t.equal(outcome.verdict, VERDICT.SHOT, `${what}: dropped`)
}
