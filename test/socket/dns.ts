// SPDX-License-Identifier: Apache-2.0
/** A DNS server (RFC 1035) with one record: any name has the TXT record that it was started with. `node dns.ts PORT TEXT` */
import { createSocket } from 'node:dgram'

const [, , port, text = ''] = process.argv
const HEADER = 12
const ANSWER = { flags: 0x8400, type: 16, class: 1, ttl: 5 }

/** Header and question come back as they were, without what may follow them (EDNS), with one record that points to the name. */
function reply(query: Buffer): Buffer {
  const end = query.indexOf(0, HEADER) + 5
  const head = Buffer.from(query.subarray(0, end))
  head.writeUInt16BE(ANSWER.flags, 2)
  for (const [i, count] of [1, 1, 0, 0].entries()) head.writeUInt16BE(count, 4 + 2 * i)
  const record = Buffer.alloc(13 + text.length)
  record.writeUInt16BE(0xc000 | HEADER, 0)
  record.writeUInt16BE(ANSWER.type, 2)
  record.writeUInt16BE(ANSWER.class, 4)
  record.writeUInt32BE(ANSWER.ttl, 6)
  record.writeUInt16BE(1 + text.length, 10)
  record.writeUInt8(text.length, 12)
  record.write(text, 13)
  return Buffer.concat([head, record])
}

const socket = createSocket('udp6')
socket.on('message', (query, from) => socket.send(reply(query), from.port, from.address))
socket.bind(Number(port), '::', () => process.stdout.write('ready\n'))
