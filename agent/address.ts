// SPDX-License-Identifier: Apache-2.0
/** IP addresses: parsed, in canonical text, and ordered by their 16 bytes. */

export type Family = 'IPv4' | 'IPv6'
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']

export interface Address {
  readonly family: Family
  /** Canonical: dotted for IPv4, RFC 5952 for IPv6. */
  readonly text: string
  /** The 16 bytes as four big-endian words; IPv4 is mapped into ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

const MAPPED = 0xffff

/**
 * Undefined for what is no address, a zone ("%eth0") included. As in kube-proxy (ParseIPSloppy), IPv4 parts may have leading
 * zeros and are decimal, and a mapped address is the IPv4 address.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) return parseIPv6(text)
  const word = ipv4Word(text)
  return word === undefined ? undefined : ipv4Address(word, text)
}

/** Below 0, 0 or above 0 as a sort by bytes asks for. */
export function compareAddresses(a: Address, b: Address): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3
}

/** "10.0.0.1:80", "[fd00::1]:80". */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** "10.0.0.1" of "10.0.0.1:80", "fd00::1" of "[fd00::1]:80". */
export function addressOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

export function isUnspecified({ family, w0, w1, w2, w3 }: Address): boolean {
  return w3 === 0 && w0 === 0 && w1 === 0 && (family === 'IPv4' || w2 === 0)
}

/**
 * What an address is when no client on another machine can dial it: loopback, link-local or multicast (ValidateNonSpecialIP of
 * the API server).
 */
export function specialKind({ family, w0, w1, w2, w3 }: Address): string | undefined {
  if (family === 'IPv4') {
    if (w3 >>> 24 === 127) return 'a loopback address'
    if (w3 >>> 16 === 0xa9fe) return 'a link-local address'
    return w3 >>> 28 === 0xe ? 'a multicast address' : undefined
  }
  if (w3 === 1 && w0 === 0 && w1 === 0 && w2 === 0) return 'a loopback address'
  if (w0 >>> 22 === 0xfe80 >>> 6) return 'a link-local address'
  return w0 >>> 24 === 0xff ? 'a multicast address' : undefined
}

/** `given`: a text of this address. It is kept when it is the canonical one, as nearly always: one copy serves all who hold it. */
function ipv4Address(word: number, given = ''): Address {
  const text = given.length === ipv4Length(word) ? given : ipv4Text(word)
  return { family: 'IPv4', text, w0: 0, w1: 0, w2: MAPPED, w3: word }
}

function ipv4Text(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** Of the canonical text: the others of an address have leading zeros, and so are longer. */
function ipv4Length(word: number): number {
  return 3 + decimals(word >>> 24) + decimals((word >>> 16) & 255) + decimals((word >>> 8) & 255) + decimals(word & 255)
}

function decimals(part: number): number {
  return part > 99 ? 3 : part > 9 ? 2 : 1
}

/** By character, not by pattern: every endpoint of a cluster passes here. */
function ipv4Word(text: string): number | undefined {
  let word = 0
  let part = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 46) {
      if (digits === 0 || ++dots > 3) return undefined
      word = word * 256 + part
      part = digits = 0
      continue
    }
    if (code < 48 || code > 57) return undefined
    part = part * 10 + code - 48
    digits++
    if (part > 255) return undefined
  }
  return dots === 3 && digits > 0 ? word * 256 + part : undefined
}

function parseIPv6(text: string): Address | undefined {
  const groups = ipv6Groups(text)
  if (groups === undefined) return undefined
  const [w0, w1, w2, w3] = [0, 2, 4, 6].map(i => groups[i]! * 65536 + groups[i + 1]!) as [
    number,
    number,
    number,
    number,
  ]
  if (w0 === 0 && w1 === 0 && w2 === MAPPED) return ipv4Address(w3)
  return { family: 'IPv6', text: ipv6Text(groups), w0, w1, w2, w3 }
}

/** The eight 16-bit groups. */
function ipv6Groups(text: string): readonly number[] | undefined {
  const hex = dottedTailAsHex(text)
  const gap = hex.indexOf('::')
  if (gap < 0) {
    const all = hexGroups(hex)
    return all?.length === 8 ? all : undefined
  }
  const head = hexGroups(hex.slice(0, gap))
  const tail = hexGroups(hex.slice(gap + 2))
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/** "::ffff:10.0.0.1" is "::ffff:a00:1". */
function dottedTailAsHex(text: string): string {
  if (!text.includes('.')) return text
  const start = text.lastIndexOf(':') + 1
  const word = ipv4Word(text.slice(start))
  if (word === undefined) return text
  return `${text.slice(0, start)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`
}

const GROUP = /^[0-9a-fA-F]{1,4}$/

function hexGroups(text: string): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  return parts.every(part => GROUP.test(part)) ? parts.map(part => Number.parseInt(part, 16)) : undefined
}

/** RFC 5952 section 4: lower case, no leading zeros, "::" for the first longest run of two or more zero groups. */
function ipv6Text(groups: readonly number[]): string {
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end - 1
  }
  const hex = (part: readonly number[]) => part.map(group => group.toString(16)).join(':')
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}
