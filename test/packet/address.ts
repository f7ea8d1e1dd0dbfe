// SPDX-License-Identifier: Apache-2.0
/** IP and MAC addresses as text and as bytes. */
import ipaddr from 'ipaddr.js'

const cache = new Map<string, Buffer>()

/** 4 or 16 bytes. The Buffer is shared: copy before writing to it. */
export function addressBytes(text: string): Buffer {
  const known = cache.get(text)
  if (known) return known
  const bytes = Buffer.from(ipaddr.parse(text).toByteArray())
  cache.set(text, bytes)
  return bytes
}

export function addressText(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes])
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

/** 16 bytes; IPv4 is mapped into ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
export function mappedBytes(text: string): Buffer {
  const bytes = addressBytes(text)
  if (bytes.length === 16) return bytes
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytes])
}

/** From a mapped address back to text. */
export function mappedText(bytes: Buffer): string {
  const isMapped = bytes.readUInt32BE(8) === 0xffff && bytes.readBigUInt64BE(0) === 0n
  return addressText(isMapped ? bytes.subarray(12, 16) : bytes.subarray(0, 16))
}

export function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

export function macText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:')
}
