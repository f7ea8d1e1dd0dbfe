// SPDX-License-Identifier: Apache-2.0
/** The checker accepts what the kernel sends, and sees every single bit that is wrong under a checksum. */
import t from 'tap'
import { CAPTURED } from './captured.ts'
import { checkPacket } from './check.ts'
import { describeFully } from './describe.ts'
import { ethernet } from './ethernet.ts'
import { fragments, reassemble } from './fragments.ts'
import { parse } from './packet.ts'

for (const { what, from, frames } of CAPTURED) {
  t.test(`${what}, from ${from}`, async t => {
    for (const frame of frames) t.same(checkPacket(frame), [], describeFully(frame))
    t.ok(
      frames.every(frame => hidesNothing(frame)),
      'a flipped bit of any checksummed byte is found',
    )
  })
}

/** Not UDP without a checksum, and not fragments, whose sum needs the others. */
function hidesNothing(frame: Buffer): boolean {
  const { ethernet: link, ip, transport } = parse(frame)!
  const start = link.headerLength
  const summed = !ip!.fragment && !(transport?.kind === 'udp' && transport.checksum === 0)
  // IPv6 has no header checksum.
  const from = ip!.version === 4 ? start : start + ip!.headerLength
  const to = start + (summed ? ip!.length : ip!.version === 4 ? ip!.headerLength : 0)
  for (let at = from; at < to; at++) {
    const damaged = Buffer.from(frame)
    damaged[at]! ^= 1 << (at % 8)
    if (checkPacket(damaged).length === 0) return t.fail(`byte ${at}`, { frame: describeFully(frame) })
  }
  return true
}

t.test(
  'fragments of the kernel come together to one right datagram, and split again to the same fragments',
  async t => {
    const packets = CAPTURED.map(({ frames }) => frames.map(frame => parse(frame)!))
    const sets = packets.map(set => set.filter(packet => packet.ip?.fragment)).filter(set => set.length > 0)
    t.equal(sets.length, 2, 'one for each IP version')
    for (const set of sets) {
      const pieces = set.map(packet => packet.ethernet.payload)
      const whole = reassemble(pieces.toReversed())
      t.same(checkPacket(ethernet({}, whole)), [], describeFully(ethernet({}, whole)))
      const again = fragments(whole, set[0]!.ip!.payload.length, set[0]!.ip!.fragment!.id)
      t.same(again, pieces)
    }
  },
)
