// SPDX-License-Identifier: Apache-2.0
/** The BPF filters on a device's clsact qdisc (<linux/pkt_sched.h>, <linux/pkt_cls.h>). */
import { attributes, attributeText, attributeU32, dump } from './netlink.ts'

export type Direction = 'ingress' | 'egress'

export interface Filter {
  readonly ifindex: number
  readonly direction: Direction
  readonly priority: number
  readonly handle: number
  readonly programId: number
}

const RTM_GETTFILTER = 46
const TCA_KIND = 1
const TCA_OPTIONS = 2
const TCA_BPF_ID = 11
/** TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS or TC_H_MIN_EGRESS) */
const PARENTS: Readonly<Record<Direction, number>> = { ingress: 0xfffffff2, egress: 0xfffffff3 }

/** BPF filters of one direction; none when the device has no clsact qdisc. Throws KernelError. */
export function listFilters(ifindex: number, direction: Direction): Filter[] {
  const body = Buffer.alloc(20) // struct tcmsg
  body.writeInt32LE(ifindex, 4)
  body.writeUInt32LE(PARENTS[direction], 12)
  const found = dump(RTM_GETTFILTER, body, `filters of device ${ifindex}`)
  return found.map(message => parseFilter(message.body, ifindex, direction)).filter(filter => filter !== undefined)
}

/** undefined for filters of other kinds, and for the entry that stands for a whole priority (handle 0). */
function parseFilter(body: Buffer, ifindex: number, direction: Direction): Filter | undefined {
  if (body.length < 20) return undefined
  const found = attributes(body, 20)
  const handle = body.readUInt32LE(8)
  if (attributeText(found, TCA_KIND) !== 'bpf' || handle === 0) return undefined
  const programId = attributeU32(attributes(found.get(TCA_OPTIONS) ?? Buffer.alloc(0), 0), TCA_BPF_ID) ?? 0
  return { ifindex, direction, priority: body.readUInt32LE(16) >>> 16, handle, programId }
}
