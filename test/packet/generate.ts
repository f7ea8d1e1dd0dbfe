// SPDX-License-Identifier: Apache-2.0
/** Random valid frames of every kind that the toolkit can build. */
import { ethernet, type Tag } from './ethernet.ts'
import { authentication, destinationOptions, type Extension, fragmentHeader, hopByHop, routing } from './extension.ts'
import { icmp4 } from './icmp4.ts'
import { icmp6 } from './icmp6.ts'
import { ipv4 } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import { ETHERTYPE, type Message, PROTO, raw } from './protocol.ts'
import type { Random } from './random.ts'
import { sctp } from './sctp.ts'
import { tcp } from './tcp.ts'
import { udp } from './udp.ts'

/** Where packets come from and go to. Small sets make flows meet again. */
export interface Population {
  readonly addresses4: readonly string[]
  readonly addresses6: readonly string[]
  readonly ports: readonly number[]
}

const FLAGS = ['S', 'S', 'A', 'A', 'PA', 'SA', 'FA', 'R', 'RA', 'SEC', '', 'FSRPAUEC']

export function randomFrame(random: Random, population: Population): Buffer {
  const packet = randomPacket(random, population)
  return ethernet({ tags: randomTags(random) }, packet)
}

function randomTags(random: Random): Tag[] {
  if (!random.once(12)) return []
  const tag = { type: ETHERTYPE.VLAN, tci: random.below(0x10000) }
  return random.once(3) ? [{ type: ETHERTYPE.QINQ, tci: random.below(0x10000) }, tag] : [tag]
}

function randomPacket(random: Random, population: Population): Buffer {
  const version = random.once(2) ? 4 : 6
  const addresses = version === 4 ? population.addresses4 : population.addresses6
  const ends = { src: random.pick(addresses), dst: random.pick(addresses) }
  const message = randomMessage(random, population, version, ends)
  return version === 4 ? randomIpv4(random, ends, message) : randomIpv6(random, ends, message)
}

interface TextEnds {
  readonly src: string
  readonly dst: string
}

function randomIpv4(random: Random, ends: TextEnds, message: Message): Buffer {
  const fragment = { offset: random.once(2) ? 0 : 8 * random.below(0x400), more: random.once(2) }
  return ipv4(
    {
      ...ends,
      ttl: 1 + random.below(255),
      tos: random.below(256),
      id: random.below(4),
      dontFragment: random.once(2),
      ...(random.once(8) ? { fragment } : {}),
      ...(random.once(6) ? { options: random.bytes(random.below(41)) } : {}),
    },
    message,
  )
}

function randomIpv6(random: Random, ends: TextEnds, message: Message): Buffer {
  return ipv6(
    {
      ...ends,
      hopLimit: 1 + random.below(255),
      trafficClass: random.below(256),
      flowLabel: random.below(0x100000),
      extensions: random.once(4) ? randomExtensions(random, ends.dst) : [],
    },
    message,
  )
}

function randomExtensions(random: Random, address: string): Extension[] {
  const kinds: readonly (() => Extension)[] = [
    () => hopByHop(random.bytes(random.below(30))),
    () => destinationOptions(random.bytes(random.below(30))),
    () => routing(random.pick([0, 2, 3, 4]), random.below(2), [address]),
    () =>
      fragmentHeader({
        id: random.below(4),
        offset: random.once(2) ? 0 : 8 * random.below(0x400),
        more: random.once(2),
      }),
    () => authentication(3 + random.below(6)),
  ]
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(kinds)())
}

function randomMessage(random: Random, population: Population, version: 4 | 6, ends: TextEnds): Message {
  const ports = { sport: random.pick(population.ports), dport: random.pick(population.ports) }
  const payload = random.bytes(random.once(3) ? 0 : random.below(48))
  const kind = random.below(20)
  if (kind < 8)
    return tcp({ ...ports, seq: random.word(), flags: random.pick(FLAGS), ...randomOptions(random), payload })
  if (kind < 15) return udp({ ...ports, payload, ...(version === 4 && random.once(8) ? { checksum: 0 } : {}) })
  if (kind < 18) return randomIcmp(random, population, version, ends)
  if (kind < 19) return sctp({ ...ports, tag: random.word() })
  return raw(random.pick([2, 47, PROTO.ESP, PROTO.NO_NEXT, 253]), payload)
}

function randomOptions(random: Random): { options?: Buffer } {
  return random.once(4) ? { options: random.bytes(4 * random.below(11)) } : {}
}

/** Mostly errors that quote a packet on its way back; the quote may be cut anywhere. */
function randomIcmp(random: Random, population: Population, version: 4 | 6, ends: TextEnds): Message {
  const build = version === 4 ? icmp4 : icmp6
  if (random.once(4))
    return build({ type: version === 4 ? 8 : 128, rest: random.word(), payload: random.bytes(random.below(40)) })
  const addresses = version === 4 ? population.addresses4 : population.addresses6
  const inner = { src: ends.dst, dst: random.pick(addresses) }
  const ports = { sport: random.pick(population.ports), dport: random.pick(population.ports) }
  const message = random.once(2) ? tcp(ports) : udp({ ...ports, payload: random.bytes(random.below(20)) })
  const packet = version === 4 ? randomIpv4(random, inner, message) : randomIpv6(random, inner, message)
  const quote = random.once(3) ? packet.subarray(0, random.below(packet.length + 1)) : packet
  const type = random.pick(version === 4 ? [3, 3, 5, 11, 12] : [1, 2, 3, 4])
  return build({ type, code: random.below(5), rest: random.once(2) ? 0 : random.below(1500), payload: quote })
}
