// SPDX-License-Identifier: Apache-2.0
/** IPv6 extension headers (RFC 8200 4). The next header field is filled in by ipv6(). */
import { addressBytes } from './address.ts'
import type { Fragment } from './ip.ts'
import { PROTO } from './protocol.ts'

export interface Extension {
  readonly proto: number
  /** The whole header; byte 0 is overwritten. */
  readonly bytes: Buffer
}

/** Pads with one Pad1 or PadN option to a multiple of 8 bytes. */
function padded(options: Buffer): Buffer {
  const missing = -(2 + options.length) & 7
  const pad = Buffer.alloc(missing)
  if (missing > 1) pad.set([1, missing - 2])
  return Buffer.concat([Buffer.from([0, (2 + options.length + missing) / 8 - 1]), options, pad])
}

export function hopByHop(options: Buffer = Buffer.alloc(0)): Extension {
  return { proto: PROTO.HOP_BY_HOP, bytes: padded(options) }
}

export function destinationOptions(options: Buffer = Buffer.alloc(0)): Extension {
  return { proto: PROTO.DESTINATION, bytes: padded(options) }
}

/** Type 2 (RFC 6275 6.4) has one address, type 4 is SRv6 (RFC 8754) with the last segment first. */
export function routing(type: number, segmentsLeft: number, addresses: readonly string[]): Extension {
  const head = Buffer.from([0, 2 * addresses.length, type, segmentsLeft, addresses.length - 1, 0, 0, 0])
  return { proto: PROTO.ROUTING, bytes: Buffer.concat([head, ...addresses.map(addressBytes)]) }
}

export function fragmentHeader(fragment: Fragment): Extension {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16BE(fragment.offset | (fragment.more ? 1 : 0), 2)
  bytes.writeUInt32BE(fragment.id >>> 0, 4)
  return { proto: PROTO.FRAGMENT, bytes }
}

/** Authentication header (RFC 4302) of `words` 32-bit words; its length counts 4-byte units less two. */
export function authentication(words = 6): Extension {
  const bytes = Buffer.alloc(4 * words)
  bytes[1] = words - 2
  return { proto: PROTO.AH, bytes }
}
