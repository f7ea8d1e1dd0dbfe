// SPDX-License-Identifier: Apache-2.0
/** The builders make the same bytes as the kernel from what the parsers read out of its packets. */
import t from 'tap'
import { addressText, macText } from './address.ts'
import { CAPTURED } from './captured.ts'
import { describeFully } from './describe.ts'
import { ethernet } from './ethernet.ts'
import { icmp4 } from './icmp4.ts'
import { icmp6 } from './icmp6.ts'
import type { IpPacket } from './ip.ts'
import { ipv4 } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import { parse, type Transport } from './packet.ts'
import { type Message, raw } from './protocol.ts'
import { sctp } from './sctp.ts'
import { tcp } from './tcp.ts'
import { udp } from './udp.ts'

/** Without the checksums and lengths: the builder must find them. */
function message(ip: IpPacket, transport: Transport | undefined): Message {
  if (!transport || ip.fragment) return raw(ip.proto, ip.payload)
  if (transport.kind === 'tcp') {
    const { sport, dport, seq, ack, flags, window, options, payload } = transport
    return tcp({ sport, dport, seq, ack, flags, window, options, payload })
  }
  if (transport.kind === 'sctp') {
    const { sport, dport, tag, chunks } = transport
    return sctp({ sport, dport, tag, chunks })
  }
  if (transport.kind === 'udp') {
    const { sport, dport, payload, checksum } = transport
    return udp({ sport, dport, payload, ...(checksum === 0 ? { checksum } : {}) })
  }
  const { type, code, rest, payload } = transport
  return (transport.kind === 'icmp4' ? icmp4 : icmp6)({ type, code, rest, payload })
}

function rebuilt(frame: Buffer): Buffer {
  const { ethernet: link, ip, transport } = parse(frame)!
  const { src, dst, header, extensions, fragment, ttl } = ip!
  const ends = { src: addressText(src), dst: addressText(dst) }
  const word = header.readUInt32BE(0)
  const bits = { tos: header[1]!, id: header.readUInt16BE(4), dontFragment: (header[6]! & 0x40) !== 0 }
  const packet =
    ip!.version === 4
      ? ipv4(
          { ...ends, ttl, ...bits, options: header.subarray(20), ...(fragment ? { fragment } : {}) },
          message(ip!, transport),
        )
      : ipv6(
          { ...ends, hopLimit: ttl, flowLabel: word & 0xfffff, trafficClass: (word >>> 20) & 255, extensions },
          message(ip!, transport),
        )
  return ethernet({ src: macText(link.src), dst: macText(link.dst), tags: link.tags }, packet)
}

for (const { what, from, frames } of CAPTURED) {
  t.test(`${what}, from ${from}`, async t => {
    for (const frame of frames) t.equal(rebuilt(frame).toString('hex'), frame.toString('hex'), describeFully(frame))
  })
}
