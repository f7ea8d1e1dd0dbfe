// SPDX-License-Identifier: Apache-2.0
/** How far a long measurement is, and how long it will still take. */

export interface Progress {
  /** A step is done: of the weight that it has beside the others. */
  readonly step: (what: string, weight: number) => void
}

export function createProgress(total: number): Progress {
  const began = performance.now()
  let done = 0
  return {
    step(what, weight) {
      done += weight
      const seconds = (performance.now() - began) / 1_000
      const left = (seconds / done) * (total - done)
      process.stderr.write(
        `  ${seconds.toFixed().padStart(4)} s  ${what}; about ${Math.max(0, left).toFixed()} s left\n`,
      )
    },
  }
}
