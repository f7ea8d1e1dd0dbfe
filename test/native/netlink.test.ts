// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { inOwnNetwork, ip } from '../own-network.ts'
import { ifindex } from './devices.ts'
import { fine, good } from './object.ts'

const NLMSG_DONE = 3
const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTMGRP_LINK = 1
const IFLA_IFNAME = 3

interface Link {
  readonly index: number
  readonly name: string
}

/** The links in a datagram, and whether the dump is over (struct nlmsghdr, struct ifinfomsg, attributes). */
function parse(datagram: Buffer): { links: Link[]; done: boolean } {
  const links: Link[] = []
  let done = false
  for (let at = 0; at < datagram.length; at += (datagram.readUInt32LE(at) + 3) & ~3) {
    const type = datagram.readUInt16LE(at + 4)
    if (type === NLMSG_DONE) done = true
    const message = datagram.subarray(at + 16, at + datagram.readUInt32LE(at))
    if (type === RTM_NEWLINK) links.push({ index: message.readInt32LE(4), name: attribute(message, IFLA_IFNAME) })
  }
  return { links, done }
}

function attribute(message: Buffer, wanted: number): string {
  for (let at = 16; at < message.length; at += (message.readUInt16LE(at) + 3) & ~3)
    if (message.readUInt16LE(at + 2) === wanted)
      return message.toString('latin1', at + 4, at + message.readUInt16LE(at) - 1)
  return ''
}

function dumpRequest(): Buffer {
  const message = Buffer.alloc(32)
  message.writeUInt32LE(32, 0)
  message.writeUInt16LE(RTM_GETLINK, 4)
  message.writeUInt16LE(0x301, 6) // NLM_F_REQUEST | NLM_F_DUMP
  return message
}

/** The sockets of this process, as "socket:[inode]" by descriptor. */
function sockets(): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  for (const fd of readdirSync('/proc/self/fd')) {
    const path = `/proc/self/fd/${fd}`
    // The descriptor that listed the folder is closed by now.
    const target = lstatSync(path, { throwIfNoEntry: false }) ? readlinkSync(path) : ''
    if (target.startsWith('socket:')) found.set(Number(fd), target)
  }
  return found
}

function addDevice(name: string): void {
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`)
}

if (inOwnNetwork(import.meta.filename)) {
  t.test('a dump lists the links of this namespace', async t => {
    addDevice('dump')
    const fd = fine(bridge.netlinkOpen(0))
    const buffer = Buffer.alloc(65536)
    t.equal(bridge.netlinkReceive(fd, buffer), 0, 'nothing there')
    t.equal(bridge.netlinkSend(fd, dumpRequest()), 32)
    const links: Link[] = []
    for (let done = false; !done; ) {
      const part = parse(buffer.subarray(0, fine(bridge.netlinkReceive(fd, buffer))))
      links.push(...part.links)
      done = part.done
    }
    t.match(links, [{ name: 'lo' }, {}, {}])
    t.equal(links.find(link => link.name === 'dump')?.index, ifindex('dump'))
    bridge.close(fd)
  })

  t.test('a new device is told to a watched socket', async t => {
    const fd = fine(bridge.netlinkOpen(RTMGRP_LINK))
    const buffer = Buffer.alloc(65536)
    const seen: Link[] = []
    const unwatch = good(
      bridge.watch(fd, () => {
        for (let size = 1; size > 0; ) {
          size = fine(bridge.netlinkReceive(fd, buffer))
          seen.push(...parse(buffer.subarray(0, size)).links)
        }
      }),
    )
    addDevice('fresh')
    const found = () => seen.find(link => link.name === 'fresh')
    for (let waited = 0; !found() && waited < 2000; waited += 5) await sleep(5)
    t.equal(found()?.index, ifindex('fresh'))
    unwatch()
    bridge.close(fd)
  })

  t.test('a datagram that does not fit, and lost notifications, are errors', async t => {
    const fd = fine(bridge.netlinkOpen(0))
    fine(bridge.netlinkSend(fd, dumpRequest()))
    const all = Buffer.alloc(64, 0xaa)
    t.equal(bridge.netlinkReceive(fd, all.subarray(0, 32)), -constants.errno.EMSGSIZE)
    t.ok(all.subarray(32).every(byte => byte === 0xaa))
    bridge.close(fd)

    const slow = fine(bridge.netlinkOpen(RTMGRP_LINK))
    addDevice('noisy')
    const changes = Array.from({ length: 200 }, (_, i) => `link set noisy mtu ${1300 + i}\n`)
    execFileSync('ip', ['-batch', '-'], { input: changes.join('') })
    const buffer = Buffer.alloc(65536)
    const results = new Set<number>()
    for (let i = 0; i < 400; i++) results.add(Math.min(0, bridge.netlinkReceive(slow, buffer)))
    t.ok(results.has(-constants.errno.ENOBUFS))
    bridge.close(slow)
  })

  t.test('other sockets are refused', async t => {
    const folder = fine(bridge.openFolder('/'))
    t.equal(bridge.netlinkReceive(folder, Buffer.alloc(100)), -constants.errno.ENOTSOCK)
    t.equal(bridge.netlinkSend(folder, dumpRequest()), -constants.errno.ENOTSOCK)
    bridge.close(folder)
    const before = sockets()
    const socket = createSocket('udp4')
    await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
    const fd = [...sockets().keys()].find(fd => !before.has(fd)) ?? -1
    t.equal(bridge.netlinkSend(fd, dumpRequest()), -constants.errno.EPROTOTYPE)
    socket.close()
  })
}
