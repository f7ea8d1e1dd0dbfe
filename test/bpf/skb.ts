// SPDX-License-Identifier: Apache-2.0
/** struct __sk_buff of <linux/bpf.h>, as far as BPF_PROG_TEST_RUN takes it from us. */

export interface SkbFields {
  readonly ifindex?: number
  readonly mark?: number
  /** Payload bytes of one segment. */
  readonly gsoSize?: number
  readonly gsoSegs?: number
}

export const SKB_SIZE = 192
const OFFSET = { mark: 8, ifindex: 40, gsoSegs: 164, gsoSize: 176 } as const

export function encodeSkb(fields: SkbFields): Buffer {
  const skb = Buffer.alloc(SKB_SIZE)
  for (const [name, offset] of Object.entries(OFFSET)) skb.writeUInt32LE(fields[name as keyof SkbFields] ?? 0, offset)
  return skb
}

export function decodeSkb(skb: Buffer): Required<SkbFields> {
  const read = (name: keyof typeof OFFSET) => skb.readUInt32LE(OFFSET[name])
  return { mark: read('mark'), ifindex: read('ifindex'), gsoSegs: read('gsoSegs'), gsoSize: read('gsoSize') }
}
