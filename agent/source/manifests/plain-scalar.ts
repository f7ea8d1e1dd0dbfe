// SPDX-License-Identifier: Apache-2.0
/** Scalars and one-line flow collections of the plain YAML that plain-yaml.ts reads, by YAML 1.2's core schema. */

/** The answer when the yaml package must decide. */
export const NOT_PLAIN: unique symbol = Symbol('not plain YAML')

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL'])
const TRUE = new Set(['true', 'True', 'TRUE'])
const FALSE = new Set(['false', 'False', 'FALSE'])
const INDICATOR = /^[,[\]{}#&*!|>'"%@`]|^[-?:]( |$)/
const SIMPLE_INTEGER = /^(0|-?[1-9]\d{0,14})$/
/** Looks like another kind of number: hexadecimal, octal, a float, infinity. */
const OTHER_NUMBER = /^[-+]?(0[xo][0-9a-fA-F]+|\d+|\d*\.?\d+([eE][-+]?\d+)?|\d+\.\d*([eE][-+]?\d+)?|\.(inf|nan))$/i

/** What stands behind "key: " or "- ", a trailing comment included. */
export function plainScalar(text: string): unknown {
  const comment = text.indexOf(' #')
  const value = (comment < 0 ? text : text.slice(0, comment)).trimEnd()
  if (INDICATOR.test(value) || value.includes(': ') || value.endsWith(':')) return NOT_PLAIN
  return resolve(value)
}

function resolve(value: string): unknown {
  if (NULLS.has(value)) return null
  if (TRUE.has(value)) return true
  if (FALSE.has(value)) return false
  const code = value.charCodeAt(0)
  // Only what begins with a digit, "+", "-" or "." can be a number.
  if (code > 0x39 || code < 0x2b) return value
  if (SIMPLE_INTEGER.test(value)) return Number(value)
  return OTHER_NUMBER.test(value) ? NOT_PLAIN : value
}

/** Index behind the closing quote; -1 when the string does not end here or has escapes. */
export function quotedEnd(text: string, start: number): number {
  const quote = text[start] ?? ''
  const close = text.indexOf(quote, start + 1)
  if (close < 0 || text.slice(start, close).includes('\\')) return -1
  return quote === "'" && text[close + 1] === "'" ? -1 : close + 1
}

/** Reads one flow collection: [a, b], {k: v}, nested. */
export class FlowReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The collection, when nothing but a comment stands behind it. */
  whole(): unknown {
    const value = this.#value()
    return value !== NOT_PLAIN && /^ *( #.*)?$/.test(this.#text.slice(this.#at)) ? value : NOT_PLAIN
  }

  #value(): unknown {
    const first = this.#text[this.#at]
    if (first === '[') return this.#sequence()
    if (first === '{') return this.#mapping()
    const token = this.#token()
    return token === undefined ? NOT_PLAIN : token.quoted ? token.text : resolve(token.text)
  }

  #sequence(): unknown {
    const items: unknown[] = []
    return this.#items(']', () => {
      const value = this.#value()
      if (value !== NOT_PLAIN) items.push(value)
      return value !== NOT_PLAIN
    })
      ? items
      : NOT_PLAIN
  }

  #mapping(): unknown {
    const mapping: Record<string, unknown> = {}
    return this.#items('}', () => {
      const key = this.#key()
      if (key === undefined || Object.hasOwn(mapping, key)) return false
      const value = this.#value()
      mapping[key] = value
      return value !== NOT_PLAIN
    })
      ? mapping
      : NOT_PLAIN
  }

  /** Items with commas between them, up to the closing bracket. */
  #items(close: string, item: () => boolean): boolean {
    this.#at++
    this.#skip()
    if (this.#text[this.#at] === close) return Boolean(++this.#at)
    for (;;) {
      if (!item()) return false
      this.#skip()
      const next = this.#text[this.#at++]
      if (next === close) return true
      if (next !== ',') return false
      this.#skip()
    }
  }

  /** A key with its colon and the blank behind it. */
  #key(): string | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 256)
    const match = /^(?:"([\w./ -]*)":|([A-Za-z_][\w./-]*): ) */.exec(rest)
    if (match === null) return undefined
    this.#at += match[0].length
    const key = match[1] ?? match[2] ?? ''
    return /^(__proto__|null|true|false)$/i.test(key) ? undefined : key
  }

  #token(): { readonly text: string; readonly quoted: boolean } | undefined {
    const first = this.#text[this.#at]
    if (first === '"' || first === "'") {
      const end = quotedEnd(this.#text, this.#at)
      if (end < 0) return undefined
      const text = this.#text.slice(this.#at + 1, end - 1)
      this.#at = end
      return { text, quoted: true }
    }
    const match = /^[\w./][\w./+:-]*(?= *[,\]}])/.exec(this.#text.slice(this.#at, this.#at + 512))
    if (match === null || match[0].endsWith(':')) return undefined
    this.#at += match[0].length
    return { text: match[0], quoted: false }
  }

  #skip(): void {
    while (this.#text[this.#at] === ' ') this.#at++
  }
}
