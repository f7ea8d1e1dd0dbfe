// SPDX-License-Identifier: Apache-2.0
/** The sums agree with the examples that the RFCs print. */
import t from 'tap'
import { fold, internetChecksum, residue, sum16 } from './checksum.ts'
import { crc32c } from './crc32c.ts'

const EXAMPLE = Buffer.from('0001f203f4f5f6f7', 'hex')

t.test('RFC 1071 section 3: the example sums to ddf2', async t => {
  t.equal(sum16(EXAMPLE), 0x2ddf0)
  t.equal(fold(sum16(EXAMPLE)), 0xddf2)
  t.equal(internetChecksum(EXAMPLE), 0x220d)
  t.equal(residue(EXAMPLE, Buffer.from('220d', 'hex')), 0, 'with its checksum nothing is left')
})

t.test('an odd last byte is padded with zero', async t => {
  t.equal(internetChecksum(Buffer.from('0102ff', 'hex')), internetChecksum(Buffer.from('0102ff00', 'hex')))
})

t.test('RFC 3720 appendix B.4: CRC32c vectors', async t => {
  const up = Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => i))
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa, '32 bytes of zeroes')
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43, '32 bytes of ones')
  t.equal(crc32c(up), 0x46dd794e, '32 bytes that go up')
  t.equal(crc32c(Buffer.from(up).reverse()), 0x113fdb5c, '32 bytes that go down')
  const read = '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000'
  t.equal(crc32c(Buffer.from(read, 'hex')), 0xd9963a56, 'an iSCSI read command')
})
