// SPDX-License-Identifier: Apache-2.0
/** Netlink messages: writing requests, reading what comes back (rtnetlink(7), <linux/netlink.h>, <linux/rtnetlink.h>). */
import { constants } from 'node:os'
import { bridge } from './bridge.ts'
import { check, KernelError } from './errno.ts'

export interface Message {
  /** RTM_* */
  readonly type: number
  /** NLM_F_* */
  readonly flags: number
  /** Behind the header: a fixed struct, then attributes. */
  readonly body: Buffer
}

/** Attributes by their type; of a type that comes more than once the last. */
export type Attributes = ReadonlyMap<number, Buffer>

const { EAGAIN, ENOBUFS } = constants.errno
const HEADER = 16
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST = 0x1
const NLM_F_DUMP_INTR = 0x10
const NLM_F_DUMP = 0x300
/** Flags in an attribute's type: NLA_F_NESTED, NLA_F_NET_BYTEORDER. */
const ATTRIBUTE_TYPE = 0x3fff

/** The kernel fills at most 32 KiB at once in a dump (NETLINK_SKB limits of af_netlink.c); notifications are smaller. */
export const RECEIVE_SIZE = 65536
/** A dump that the kernel says was interrupted by a change is asked for again, this often. */
const DUMP_TRIES = 20

/** A request with the fixed struct that its type takes. */
export function request(type: number, flags: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(HEADER + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6)
  return Buffer.concat([header, body])
}

/** The messages in one received datagram. */
export function* messages(data: Buffer): Generator<Message> {
  for (let at = 0; at + HEADER <= data.length; ) {
    const length = data.readUInt32LE(at)
    if (length < HEADER || at + length > data.length)
      throw new RangeError(`netlink message of ${length} bytes at ${at} of ${data.length}`)
    yield {
      type: data.readUInt16LE(at + 4),
      flags: data.readUInt16LE(at + 6),
      body: data.subarray(at + HEADER, at + length),
    }
    at += align(length)
  }
}

/** The attributes from `at` on. */
export function attributes(body: Buffer, at: number): Attributes {
  const found = new Map<number, Buffer>()
  while (at + 4 <= body.length) {
    const length = body.readUInt16LE(at)
    if (length < 4 || at + length > body.length) break
    found.set(body.readUInt16LE(at + 2) & ATTRIBUTE_TYPE, body.subarray(at + 4, at + length))
    at += align(length)
  }
  return found
}

function align(length: number): number {
  return (length + 3) & ~3
}

export function attributeText(found: Attributes, type: number): string {
  const data = found.get(type)
  return data === undefined ? '' : data.toString('utf8').replace(/\0.*$/s, '')
}

export function attributeU32(found: Attributes, type: number): number | undefined {
  const data = found.get(type)
  return data !== undefined && data.length >= 4 ? data.readUInt32LE(0) : undefined
}

/** All objects of a kind, whole: `type` is RTM_GET*, `body` its fixed struct. Throws KernelError. */
export function dump(type: number, body: Buffer, what: string, open = () => bridge.netlinkOpen(0)): Message[] {
  for (let tries = 0; tries < DUMP_TRIES; tries++) {
    const fd = check(open(), 'open', 'a netlink socket')
    try {
      check(bridge.netlinkSend(fd, request(type, NLM_F_DUMP, body)), 'list', what)
      const found = receiveDump(fd, what)
      if (found !== undefined) return found
    } finally {
      bridge.close(fd)
    }
  }
  throw new KernelError({
    operation: 'list',
    subject: what,
    errno: EAGAIN,
    hint: `They changed ${DUMP_TRIES} times meanwhile`,
  })
}

/** undefined when it is not whole and must be asked for again. The kernel answers each receive at once, so this does not wait. */
function receiveDump(fd: number, what: string): Message[] | undefined {
  const found: Message[] = []
  for (;;) {
    const buffer = Buffer.alloc(RECEIVE_SIZE)
    const size = bridge.netlinkReceive(fd, buffer)
    if (size === -ENOBUFS) return undefined
    check(size === 0 ? -EAGAIN : size, 'list', what)
    for (const message of messages(buffer.subarray(0, size))) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) return undefined
      if (message.type === NLMSG_DONE) return found
      if (message.type === NLMSG_ERROR) check(message.body.readInt32LE(0), 'list', what)
      found.push(message)
    }
  }
}
