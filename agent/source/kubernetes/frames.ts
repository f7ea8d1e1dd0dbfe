// SPDX-License-Identifier: Apache-2.0
/** The frames of a watch in chunks that end anywhere: lines, or bytes with their length before them. */
import { Nonsense } from './failure.ts'

/** Bytes. etcd takes objects of 1.5 MB; more is no object. */
const MAX_FRAME = 16 * 1024 * 1024
const NEWLINE = 0x0a
/** Bytes of the length before a frame, big endian. */
const HEADER = 4

/** JSON documents, a line each. Takes the next chunk, gives the documents that it completes, parsed one by one. Throws Nonsense. */
export function createSplitter(): (chunk: Buffer) => Iterable<unknown> {
  let begun: Buffer[] = []
  let size = 0
  return function* (chunk) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      begun.push(chunk.subarray(start, end))
      const text = Buffer.concat(begun).toString('utf8')
      begun = []
      size = 0
      start = end + 1
      if (text.trim() !== '') yield parseJson(text)
    }
    if (start < chunk.length) begun.push(chunk.subarray(start))
    size += chunk.length - start
    if (size > MAX_FRAME) throw tooLarge(begun[0])
  }
}

/** Frames with their length before them. Takes the next chunk, gives the frames that it completes. Throws Nonsense. */
export function createFramer(): (chunk: Buffer) => readonly Buffer[] {
  let begun: Buffer[] = []
  let size = 0
  /** Bytes, its length among them, of the frame that has begun. */
  let wanted = HEADER
  return chunk => {
    begun.push(chunk)
    size += chunk.length
    const frames: Buffer[] = []
    if (size < wanted) return frames
    let rest = Buffer.concat(begun)
    for (wanted = wantedOf(rest); rest.length >= wanted && rest.length >= HEADER; wanted = wantedOf(rest)) {
      frames.push(rest.subarray(HEADER, wanted))
      rest = rest.subarray(wanted)
    }
    begun = [rest]
    size = rest.length
    return frames
  }
}

function wantedOf(begun: Buffer): number {
  if (begun.length < HEADER) return HEADER
  const length = begun.readUInt32BE()
  if (length > MAX_FRAME) throw tooLarge(begun)
  return HEADER + length
}

function tooLarge(begun: Buffer | undefined): Nonsense {
  return new Nonsense(`is an event of more than ${MAX_FRAME} bytes`, begun?.subarray(0, 100).toString('latin1') ?? '')
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Nonsense('is not JSON', text)
  }
}
