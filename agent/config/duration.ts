// SPDX-License-Identifier: Apache-2.0
/** Durations as Kubernetes writes them (metav1.Duration, which is time.ParseDuration of Go): "30s", "1h15m0s", "-1.5h", "0". */

/** Milliseconds. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // U+00B5 (micro sign) and U+03BC (Greek letter mu)
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy
/** Go counts nanoseconds in 63 bits. */
const LONGEST = 2 ** 63 / 1e6

/** Milliseconds; undefined for what is none, a number without a unit included. */
export function parseDuration(text: string): number | undefined {
  const [, sign, rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  const parts = [...rest.matchAll(PART)]
  if (rest === '' || parts.reduce((length, [part]) => length + part.length, 0) !== rest.length) return undefined
  const total = parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * UNITS[unit!]!, 0)
  if (total > LONGEST) return undefined
  return sign === '-' ? 0 - total : total
}
