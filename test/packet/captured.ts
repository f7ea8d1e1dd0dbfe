// SPDX-License-Identifier: Apache-2.0
/** Frames that others made: recorded on a veth between two namespaces with checksum offloads off, or built by scapy. */
import captured from './captured.json' with { type: 'json' }

export interface Captured {
  readonly what: string
  readonly from: string
  readonly frames: readonly Buffer[]
}

export const CAPTURED: readonly Captured[] = captured.map(({ what, from, frames }) => ({
  what,
  from,
  frames: frames.map(hex => Buffer.from(hex, 'hex')),
}))
