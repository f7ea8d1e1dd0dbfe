// SPDX-License-Identifier: Apache-2.0
/**
 * Runs in a network namespace of its own (unshare --net): attaches to a veth there in each way, and prints what the kernel said,
 * {"tcx":0,"clsact":0,"xdp":0}: 0 or -errno.
 */
import { HANDLE, PRIORITY } from '../kernel/attach.ts'
import { bridge } from '../kernel/bridge.ts'
import { listDevices, RTM } from '../kernel/devices.ts'
import { check } from '../kernel/errno.ts'
import { OBJECT, withProgram } from '../kernel/features.ts'
import { messages, RECEIVE_SIZE, request } from '../kernel/netlink.ts'

export type Answers = Readonly<Record<'tcx' | 'clsact' | 'xdp', number>>

// <linux/netlink.h>, <linux/if_link.h>, <linux/bpf.h>
const NLM_F_ACK = 0x4
const NLM_F_EXCL = 0x200
const NLM_F_CREATE = 0x400
const NLMSG_ERROR = 2
const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1
const TCX_INGRESS = 46
const XDP_FLAGS_DRV_MODE = 4

function attribute(type: number, data: Buffer): Buffer {
  const padded = Buffer.alloc(4 + ((data.length + 3) & ~3))
  padded.writeUInt16LE(4 + data.length, 0)
  padded.writeUInt16LE(type, 2)
  data.copy(padded, 4)
  return padded
}

/** Both ends stay here. */
function addVeth(): void {
  const kind = attribute(IFLA_INFO_KIND, Buffer.from('veth'))
  const body = Buffer.concat([Buffer.alloc(16), attribute(IFLA_LINKINFO, kind)])
  const fd = check(bridge.netlinkOpen(0), 'open', 'a netlink socket')
  check(bridge.netlinkSend(fd, request(RTM.NEWLINK, NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE, body)), 'add', 'a veth')
  const buffer = Buffer.alloc(RECEIVE_SIZE)
  const size = check(bridge.netlinkReceive(fd, buffer), 'add', 'a veth')
  for (const { type, body } of messages(buffer.subarray(0, size)))
    if (type === NLMSG_ERROR) check(body.readInt32LE(0), 'add', 'a veth')
  bridge.close(fd)
}

/** 0 or -errno. What was attached goes with the namespace. */
function tried(program: string, attach: (fd: number) => number): number {
  return Math.min(withProgram(OBJECT, program, attach) ?? -22, 0)
}

addVeth()
const ifindex = listDevices().find(({ kind }) => kind === 'veth')?.ifindex ?? 0
const answers: Answers = {
  tcx: tried('probe_tcx', fd => bridge.attachTcx(fd, ifindex, TCX_INGRESS)),
  clsact: tried('probe_tcx', fd => bridge.attachClsact(fd, ifindex, false, PRIORITY, HANDLE)),
  xdp: tried('probe_xdp', fd => bridge.attachXdp(fd, ifindex, XDP_FLAGS_DRV_MODE)),
}
process.stdout.write(JSON.stringify(answers))
