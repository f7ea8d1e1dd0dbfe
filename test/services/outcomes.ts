// SPDX-License-Identifier: Apache-2.0
/** What many connections came to. */
import { createInterface } from 'node:readline'
import { type Dialled, type DialOptions, dialArguments } from '../../lab/dial.ts'
import type { Lab } from '../../lab/lab.ts'
import type { Test } from './fixture.ts'

/** How often each pod answered; failures count under their code. */
export function tally(outcomes: readonly Dialled[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { pod, error } of outcomes) {
    const who = pod ?? error ?? 'nobody'
    counts[who] = (counts[who] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The pods that answered and the errors, sorted. */
export function who(outcomes: readonly Dialled[]): string[] {
  return Object.keys(tally(outcomes))
}

/** "web-0 97, web-1 101, web-2 102" */
export function counted(outcomes: readonly Dialled[]): string {
  return Object.entries(tally(outcomes))
    .map(([pod, count]) => `${pod} ${count}`)
    .join(', ')
}

/** Asserts that there are so many and that none failed. */
export function allAnswered(t: Test, outcomes: readonly Dialled[], count: number, what: string): void {
  const answered = outcomes.filter(({ pod }) => pod !== undefined).length
  t.same([outcomes.length, answered], [count, count], `${what}: ${count} of ${count} answered (${counted(outcomes)})`)
}

export interface Background {
  /** Those that came so far. */
  readonly outcomes: readonly Dialled[]
  /** The next outcome, from now on. */
  next(): Promise<Dialled>
  /** All of them, when the client has ended. */
  readonly end: Promise<readonly Dialled[]>
  /** Ends the client. */
  stop(): void
}

/** Dials on while the test does something else. */
export function dialOn(lab: Lab, where: string, ...options: readonly DialOptions[]): Background {
  const child = lab.spawn(where, dialArguments(...options), { stdio: ['ignore', 'pipe', 'inherit'] })
  const outcomes: Dialled[] = []
  let waiting: PromiseWithResolvers<Dialled>[] = []
  createInterface({ input: child.stdout! }).on('line', line => {
    const outcome: Dialled = JSON.parse(line)
    outcomes.push(outcome)
    for (const one of waiting) one.resolve(outcome)
    waiting = []
  })
  const end = new Promise<readonly Dialled[]>(resolve => child.once('close', () => resolve(outcomes)))
  const next = () => {
    const one = Promise.withResolvers<Dialled>()
    waiting.push(one)
    return one.promise
  }
  return { outcomes, next, end, stop: () => void child.kill() }
}
