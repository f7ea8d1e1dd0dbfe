// SPDX-License-Identifier: Apache-2.0
/**
 * MurmurHash3_x86_32 (A. Appleby, public domain) of the one thing that Maglev hashes: the 18 bytes of an address and a port in
 * network byte order. Written out for this length, over words, so that nothing is allocated.
 */
import type { Address } from '../address.ts'

const LENGTH = 18

function mixWord(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

function addWord(hash: number, word: number): number {
  const h = hash ^ mixWord(swap(word))
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** The hash reads its input as little-endian words. */
function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

/** Avalanche: every input bit changes each output bit with a chance near one half. */
function finish(hash: number): number {
  let h = hash ^ LENGTH
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** 32 bits, unsigned. */
export function hashBackend({ w0, w1, w2, w3 }: Address, port: number, seed: number): number {
  const words = addWord(addWord(addWord(addWord(seed, w0), w1), w2), w3)
  const tail = (port >>> 8) | ((port & 0xff) << 8)
  return finish(words ^ mixWord(tail))
}
