// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { parseAddress } from '../../agent/address.ts'
import { hashBackend } from '../../agent/compile/murmur.ts'

/** MurmurHash3_x86_32 over any bytes, written from its definition, beside the one that is unrolled for 18. */
function murmur3(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer)
  const scramble = (k: number) => {
    const product = Math.imul(k, 0xcc9e2d51)
    return Math.imul((product << 15) | (product >>> 17), 0x1b873593)
  }
  const whole = bytes.length & ~3
  let h = seed
  for (let i = 0; i < whole; i += 4) {
    h ^= scramble(view.getUint32(i, true))
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let i = bytes.length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i]!
  if (bytes.length > whole) h ^= scramble(rest)
  h ^= bytes.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

t.test('the definition agrees with published values', t => {
  const text = (value: string) => new TextEncoder().encode(value)
  t.equal(murmur3(text(''), 0), 0)
  t.equal(murmur3(text(''), 1), 0x514e28b7)
  t.equal(murmur3(text('test'), 0), 0xba6bd213)
  t.equal(murmur3(text('Hello, world!'), 0x9747b28c), 0x24884cba)
  t.end()
})

t.test('a backend hashes as its 18 bytes do', t => {
  const bytes = (address: readonly number[], port: number) => Uint8Array.of(...address, port >> 8, port & 255)
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 200]
  const six = [0xfd, 0, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef]
  for (const seed of [0, 1, 0xffffffff, 0x6f666673])
    for (const port of [1, 80, 8080, 65_535]) {
      t.equal(hashBackend(parseAddress('192.0.2.200')!, port, seed), murmur3(bytes(mapped, port), seed))
      t.equal(hashBackend(parseAddress('fd00:96::dead:beef')!, port, seed), murmur3(bytes(six, port), seed))
    }
  t.end()
})
