// SPDX-License-Identifier: Apache-2.0
/** Ethernet II frames with any number of VLAN tags in the data (802.1Q, 802.1ad). */
import { macBytes } from './address.ts'
import { ETHERTYPE } from './protocol.ts'

export const CLIENT_MAC = '02:00:00:00:00:01'
export const NODE_MAC = '02:00:00:00:00:02'

export interface Tag {
  readonly type: number
  /** Priority, DEI and VLAN id. */
  readonly tci: number
}

export interface EthernetFields {
  readonly src?: string
  readonly dst?: string
  /** Outermost first; a number is the VLAN id of an 802.1Q tag. */
  readonly tags?: readonly (Tag | number)[]
  /** Default: by the IP version of the payload. */
  readonly type?: number
}

export interface Ethernet {
  readonly dst: Buffer
  readonly src: Buffer
  readonly tags: readonly Tag[]
  readonly type: number
  readonly headerLength: number
  readonly payload: Buffer
}

export function ethernet(fields: EthernetFields, payload: Buffer): Buffer {
  const tags = (fields.tags ?? []).map(tag => (typeof tag === 'number' ? { type: ETHERTYPE.VLAN, tci: tag } : tag))
  const types = Buffer.alloc(2 + 4 * tags.length)
  tags.forEach((tag, i) => {
    types.writeUInt16BE(tag.type, 4 * i)
    types.writeUInt16BE(tag.tci, 4 * i + 2)
  })
  types.writeUInt16BE(fields.type ?? typeOf(payload), 4 * tags.length)
  return Buffer.concat([macBytes(fields.dst ?? NODE_MAC), macBytes(fields.src ?? CLIENT_MAC), types, payload])
}

function typeOf(payload: Buffer): number {
  return payload.length > 0 && payload[0]! >> 4 === 6 ? ETHERTYPE.IPV6 : ETHERTYPE.IPV4
}

/** Undefined when the frame ends before its type. */
export function parseEthernet(frame: Buffer): Ethernet | undefined {
  const tags: Tag[] = []
  let at = 12
  while (isTag(frame, at)) {
    tags.push({ type: frame.readUInt16BE(at), tci: frame.readUInt16BE(at + 2) })
    at += 4
  }
  if (frame.length < at + 2) return undefined
  const headerLength = at + 2
  const type = frame.readUInt16BE(at)
  const payload = frame.subarray(headerLength)
  return { dst: frame.subarray(0, 6), src: frame.subarray(6, 12), tags, type, headerLength, payload }
}

function isTag(frame: Buffer, at: number): boolean {
  if (frame.length < at + 4) return false
  const type = frame.readUInt16BE(at)
  return type === ETHERTYPE.VLAN || type === ETHERTYPE.QINQ
}
