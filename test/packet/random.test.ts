// SPDX-License-Identifier: Apache-2.0
/** Random frames are right, the same for the same seed, and no damage to them makes the parsers throw. */
import t from 'tap'
import { checkPacket } from './check.ts'
import { describe, describeFully } from './describe.ts'
import { type Population, randomFrame } from './generate.ts'
import { mutate } from './mutate.ts'
import { parse } from './packet.ts'
import { xorshift } from './random.ts'

const POPULATION: Population = {
  addresses4: ['10.0.0.1', '10.0.0.2', '10.96.0.1'],
  addresses6: ['fd00::1', 'fd00::2'],
  ports: [53, 80, 1000, 1001],
}

t.test('20,000 random frames are right and of every kind', async t => {
  const random = xorshift(1)
  const kinds = new Set<string>()
  for (let n = 0; n < 20_000; n++) {
    const frame = randomFrame(random, POPULATION)
    // The quote in an ICMP error may be cut before its header ends.
    const faults = checkPacket(frame).filter(fault => fault !== 'ICMP error without a quoted packet')
    if (faults.length > 0) t.same(faults, [], describeFully(frame))
    const { ip, transport, ethernet } = parse(frame)!
    kinds.add(`${ip?.version} ${ip?.fragment ? 'fragment' : (transport?.kind ?? 'other')}`)
    kinds.add(`${ethernet.tags.length} tags`)
  }
  const transports = ['fragment', 'tcp', 'udp', 'sctp', 'other']
  const expected = [4, 6].flatMap(version => [...transports, `icmp${version}`].map(kind => `${version} ${kind}`))
  t.same([...kinds].sort(), [...expected, '0 tags', '1 tags', '2 tags'].sort())
})

t.test('the seed decides', async t => {
  const run = (seed: number) => {
    const random = xorshift(seed)
    return Array.from({ length: 50 }, () => mutate(random, randomFrame(random, POPULATION)).toString('hex'))
  }
  t.same(run(7), run(7))
  t.notSame(run(7), run(8))
})

t.test('50,000 damaged frames are read, checked and shown without an exception; most are found wrong', async t => {
  const random = xorshift(2)
  let wrong = 0
  for (let n = 0; n < 50_000; n++) {
    const frame = mutate(random, randomFrame(random, POPULATION))
    if (frame.length < 14) t.fail('no Ethernet header left')
    if (describe(frame).length === 0) t.fail('nothing to show')
    if (checkPacket(frame).length > 0) wrong++
  }
  t.ok(wrong > 20_000, `${wrong} wrong`)
})
