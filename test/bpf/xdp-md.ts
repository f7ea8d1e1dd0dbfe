// SPDX-License-Identifier: Apache-2.0
/** struct xdp_md of <linux/bpf.h>, as BPF_PROG_TEST_RUN takes it from us. */

const SIZE = 24
const OFFSET = { dataEnd: 4, ingressIfindex: 12 } as const

/** The first queue of a device that a native XDP program is attached to: others can't be named. 0: loopback. */
export function encodeXdpMd(length: number, ingressIfindex: number): Buffer {
  const md = Buffer.alloc(SIZE)
  md.writeUInt32LE(length, OFFSET.dataEnd)
  md.writeUInt32LE(ingressIfindex, OFFSET.ingressIfindex)
  return md
}
