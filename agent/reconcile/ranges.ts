// SPDX-License-Identifier: Apache-2.0
/** loadBalancerSourceRanges of Service ports in ek_ranges. */
import type { SourceRange } from '../compile/compiled.ts'
import { addressBytes, addressText } from '../kernel/address.ts'
import type { Range } from '../kernel/layout.gen.ts'
import type { LivePort } from './live.ts'
import type { Parts } from './prepare.ts'

/** Bits in front of the address in the key: the service. */
const SERVICE_BITS = 32
/** Bits in front of an IPv4 address within the 16 bytes. */
const MAPPED_BITS = 96

/** Of nearly every Service port. */
export const NO_RANGES: ReadonlyMap<RangeText, Range> = new Map()

/** "10.0.0.0/128": its network, and bits of the 16 bytes. */
export type RangeText = string

/** As keys of the map, with the bits behind the prefix cleared: no two alike. */
export function rangeKeys(service: number, ranges: readonly SourceRange[] | undefined): ReadonlyMap<RangeText, Range> {
  if (ranges === undefined) return NO_RANGES
  return new Map(
    ranges.map(({ address, prefix }) => {
      const bits = prefix + (address.includes(':') ? 0 : MAPPED_BITS)
      const key = { prefix: SERVICE_BITS + bits, service, addr: networkOf(addressBytes(address), bits) }
      return [rangeText(key), key]
    }),
  )
}

export function rangeText({ addr, prefix }: Range): RangeText {
  return `${addressText(addr)}/${prefix - SERVICE_BITS}`
}

function networkOf(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))))
}

/** Before frontends ask for them. */
export function addRanges(
  { dataplane }: Parts,
  after: ReadonlyMap<RangeText, Range>,
  before: LivePort | undefined,
): void {
  if (after.size === 0) return
  const missing = [...after].filter(([text]) => !before?.ranges.has(text))
  if (missing.length > 0) dataplane.ranges.updateMany(missing.map(([, key]) => [key, 1]))
}

/** When no frontend asks for them any more. */
export function dropRanges({ dataplane }: Parts, before: LivePort, after?: LivePort): void {
  for (const [text, key] of before.ranges) if (!after?.ranges.has(text)) dataplane.ranges.delete(key)
}
