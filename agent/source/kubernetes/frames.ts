// SPDX-License-Identifier: Apache-2.0
/** The events of a watch: JSON documents, a line each, in chunks that end anywhere. */
import { Nonsense } from './failure.ts'

/** Bytes. etcd takes objects of 1.5 MB; more is no object. */
const MAX_FRAME = 16 * 1024 * 1024
const NEWLINE = 0x0a

/** Takes the next chunk, gives the documents that it completes. Throws Nonsense. */
export function createSplitter(): (chunk: Buffer) => readonly unknown[] {
  let begun: Buffer[] = []
  let size = 0
  return chunk => {
    const frames: unknown[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      begun.push(chunk.subarray(start, end))
      const text = Buffer.concat(begun).toString('utf8')
      if (text.trim() !== '') frames.push(parseJson(text))
      begun = []
      size = 0
      start = end + 1
    }
    if (start < chunk.length) begun.push(chunk.subarray(start))
    size += chunk.length - start
    if (size > MAX_FRAME) throw new Nonsense(`is an event of more than ${MAX_FRAME} bytes`, String(begun[0]))
    return frames
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Nonsense('is not JSON', text)
  }
}
