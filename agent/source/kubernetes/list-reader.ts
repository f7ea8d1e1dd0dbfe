// SPDX-License-Identifier: Apache-2.0
/** A list's body as it comes, an item at a time: ten thousand slices in one answer are 40 MB, and several times that as objects. */
import { parseJson } from './frames.ts'

export interface ListReader {
  /** Takes the next chunk, gives the items that it completes; look at all of them. Throws Nonsense. */
  readonly take: (chunk: Buffer) => Iterable<unknown>
  /** After the last chunk. Throws Nonsense. */
  readonly end: () => ListEnd
}

export interface ListEnd {
  /** The list; where items were that have been given, it has nothing or empty mappings. */
  readonly body: unknown
  /** Those that have not been given. */
  readonly items: Iterable<unknown>
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Makes square brackets curly: "[" is 0x5b and "{" 0x7b. */
const CURLY = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d
/** How many brackets are open among the fields of the list, and among its items. */
const IN_LIST = 1
const IN_ITEMS = 2

/** Each item is a document of its own, and so is, in the end, what stands around them: half a list is none. */
export function createJsonListReader(): ListReader {
  /** Latin-1, so that a character may be split. */
  let around = ''
  let item: Buffer[] = []
  let depth = 0
  let isItems = false
  let isText = false
  /** The next chunk's first byte has a backslash before it. */
  let escaped = 0

  function open(chunk: Buffer, start: number, at: number): number {
    if (depth++ === IN_LIST) isItems = endsInItems(around.slice(-100) + chunk.toString('latin1', start, at))
    if (!isItems || depth !== IN_ITEMS + 1) return start
    around += `${chunk.toString('latin1', start, at)}{}`
    return at
  }

  /** The item that ends with the bracket. */
  function whole(chunk: Buffer, start: number, at: number): unknown {
    const bytes = item.length === 0 ? chunk : Buffer.concat([...item, chunk.subarray(start, at + 1)])
    const text = item.length === 0 ? bytes.toString('utf8', start, at + 1) : bytes.toString()
    item = []
    return parseJson(text)
  }

  return {
    *take(chunk) {
      let start = 0
      let at = escaped
      for (; ; at++) {
        at = isText ? endOfText(chunk, at) : nextMark(chunk, at)
        if (at >= chunk.length) break
        const byte = chunk[at] as number
        if (byte === QUOTE) isText = !isText
        else if ((byte | CURLY) === OPEN) start = open(chunk, start, at)
        else if (--depth === IN_ITEMS && isItems) {
          yield whole(chunk, start, at)
          start = at + 1
        }
      }
      escaped = at - chunk.length
      if (isItems && depth > IN_ITEMS) item.push(chunk.subarray(start))
      else around += chunk.toString('latin1', start)
    },
    end: () => ({ body: parseJson(Buffer.from(around, 'latin1').toString('utf8')), items: [] }),
  }
}

function endsInItems(text: string): boolean {
  return /"items"\s*:\s*$/.test(text)
}

/** Index of the quote that ends the text; past the chunk when it is not in there. */
function endOfText(chunk: Buffer, from: number): number {
  let at = from
  for (; at < chunk.length; at++) {
    const byte = chunk[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return at
}

/** Index of the next quote or bracket; that of the chunk's end when there is none. */
function nextMark(chunk: Buffer, from: number): number {
  for (let at = from; at < chunk.length; at++) {
    const byte = chunk[at] as number
    if (byte === QUOTE || (byte | CURLY) === OPEN || (byte | CURLY) === CLOSE) return at
  }
  return Math.max(from, chunk.length)
}
