// SPDX-License-Identifier: Apache-2.0
/** Loaded into a command before it starts (node --import): its last line on standard error tells what it used. */

export interface Usage {
  /** Seconds of this process, all threads. */
  readonly cpu: number
  /** Seconds since the process began. */
  readonly wall: number
  /** Bytes resident at the most. */
  readonly maxRSS: number
}

process.once('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const usage: Usage = {
    cpu: (userCPUTime + systemCPUTime) / 1e6,
    wall: performance.now() / 1e3,
    maxRSS: maxRSS * 1024,
  }
  process.stderr.write(`${JSON.stringify(usage)}\n`)
})
