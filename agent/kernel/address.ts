// SPDX-License-Identifier: Apache-2.0
/** struct ek_addr and the text of addresses: IPv4 is mapped into ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
import ipaddr from 'ipaddr.js'

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** The 16 bytes of an IPv4 or IPv6 address. Throws RangeError for anything else, a zone ("%eth0") included. */
export function addressBytes(text: string): Uint8Array {
  const bytes = IPV4.test(text) ? ipv4Bytes(text) : ipv6Bytes(text)
  if (bytes === undefined) throw new RangeError(`"${text}" is not an IPv4 or IPv6 address`)
  return bytes
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16)
  bytes[10] = bytes[11] = 0xff
  const parts = text.split('.')
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? ''
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined
    bytes[12 + i] = Number(part)
  }
  return bytes
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  if (!ipaddr.IPv6.isValid(text) || text.includes('%')) return undefined
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray())
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
