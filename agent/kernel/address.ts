// SPDX-License-Identifier: Apache-2.0
/** struct ek_addr and the text of addresses: IPv4 is mapped into ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
import ipaddr from 'ipaddr.js'
import { type Address, parseAddress } from '../address.ts'

/** The 16 bytes of an IPv4 or IPv6 address. Throws RangeError for anything else, a zone ("%eth0") included. */
export function addressBytes(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(16)
  writeAddress(text, bytes)
  return bytes
}

/** The same into the first 16 bytes of a buffer. */
export function writeAddress(text: string, to: Buffer): void {
  const address = parseAddress(text)
  if (address === undefined) throw new RangeError(`"${text}" is not an IPv4 or IPv6 address`)
  writeParsed(address, to)
}

export function writeParsed(address: Address, to: Buffer): void {
  to.writeUInt32BE(address.w0, 0)
  to.writeUInt32BE(address.w1, 4)
  to.writeUInt32BE(address.w2, 8)
  to.writeUInt32BE(address.w3, 12)
}

/** Whether the 16 bytes are a mapped IPv4 address. */
export function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 0xff && bytes[11] === 0xff
}

/** Canonical text (RFC 5952 for IPv6; dotted for a mapped IPv4 address) of 16 bytes, or of 4 bytes of IPv4. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
  if (isMapped(bytes)) return bytes.subarray(12).join('.')
  return new ipaddr.IPv6([...bytes]).toRFC5952String()
}
