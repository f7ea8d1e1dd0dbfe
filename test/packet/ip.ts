// SPDX-License-Identifier: Apache-2.0
/** An IP packet as the parsers of both versions give it. */

export interface Fragment {
  readonly id: number
  /** In bytes, a multiple of 8. */
  readonly offset: number
  readonly more: boolean
}

/** An IPv6 extension header as it is found. */
export interface FoundExtension {
  readonly proto: number
  readonly bytes: Buffer
}

export interface IpPacket {
  readonly version: 4 | 6
  readonly src: Buffer
  readonly dst: Buffer
  /** For the pseudo header: not dst when a routing header has segments left (RFC 8200 8.1). */
  readonly finalDst: Buffer
  readonly ttl: number
  /** By the header's length field, the IP header included. */
  readonly length: number
  /** With all extension headers. */
  readonly headerLength: number
  /** Of the payload. */
  readonly proto: number
  readonly fragment?: Fragment
  readonly extensions: readonly FoundExtension[]
  readonly header: Buffer
  /** Cut at the length field, or where the bytes end. */
  readonly payload: Buffer
  /** Whether all bytes that the length field promises are there. */
  readonly isWhole: boolean
}
