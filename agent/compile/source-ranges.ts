// SPDX-License-Identifier: Apache-2.0
/** loadBalancerSourceRanges, read. */
import { parseAddress } from '../address.ts'
import type { Service } from '../objects.ts'
import type { SourceRange } from './compiled.ts'
import type { Warn } from './warnings.ts'

const BITS = { IPv4: 32, IPv6: 128 } as const

/**
 * undefined: everybody is served. Both families are ruled by one list, so that ranges of one family keep everybody of the other
 * one out; and a range that can't be read lets nobody in.
 */
export function sourceRangesOf({ loadBalancerSourceRanges }: Service, warn: Warn): readonly SourceRange[] | undefined {
  if (loadBalancerSourceRanges.length === 0) return undefined
  return loadBalancerSourceRanges.flatMap((text, i) => {
    const range = readRange(text.trim())
    if (range === undefined) warn(`spec.loadBalancerSourceRanges[${i}]`, `"${text}" is not a CIDR: it lets nobody in`)
    return range ?? []
  })
}

function readRange(text: string): SourceRange | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const address = parseAddress(match?.[1] ?? '')
  const prefix = Number(match?.[2])
  if (address === undefined || prefix > BITS[address.family]) return undefined
  return { address: address.text, prefix }
}
