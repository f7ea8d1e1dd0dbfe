// SPDX-License-Identifier: Apache-2.0
/**
 * How everything here is compared: subjects take turns within each round, forward and then backward (A-B-B-A), so that what else
 * the machine does meets all of them alike; what counts is the median over rounds of the ratio within a round. One subject is
 * there twice (A/A): how far its ratio to itself is from 1 is what the machine's noise can do to any other.
 */

/** Further off than this, the control says that the run is worth nothing. */
export const LARGEST_NOISE = 0.05

export interface Round {
  readonly first: number
  readonly second: number
}

export type Measured<S> = ReadonlyMap<S, readonly Round[]>

/** Measures every subject twice a round. A first round, which fills caches, is thrown away. */
export async function interleave<S>(
  subjects: readonly S[],
  rounds: number,
  measure: (subject: S) => Promise<number> | number,
): Promise<Measured<S>> {
  const measured = new Map(subjects.map(subject => [subject, [] as Round[]]))
  for (let round = -1; round < rounds; round++) {
    const there: number[] = []
    for (const subject of subjects) there.push(await measure(subject))
    for (const subject of subjects.toReversed()) {
      const second = await measure(subject)
      if (round >= 0) measured.get(subject)!.push({ first: there[subjects.indexOf(subject)]!, second })
    }
  }
  return measured
}

function mean({ first, second }: Round): number {
  return (first + second) / 2
}

/** One value a round. */
export function perRound<S>(measured: Measured<S>, subject: S): number[] {
  return measured.get(subject)!.map(mean)
}

/** Median over rounds of the ratio of two subjects. */
export function ratio<S>(measured: Measured<S>, subject: S, to: S): number {
  const base = perRound(measured, to)
  return median(perRound(measured, subject).map((value, round) => value / base[round]!))
}

/** Median over rounds of the difference of two subjects. */
export function difference<S>(measured: Measured<S>, subject: S, to: S): number {
  const base = perRound(measured, to)
  return median(perRound(measured, subject).map((value, round) => value - base[round]!))
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
