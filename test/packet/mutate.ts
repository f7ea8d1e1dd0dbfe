// SPDX-License-Identifier: Apache-2.0
/** Damage to valid frames: what a hostile or broken sender may put on the wire. */
import type { Random } from './random.ts'

type Mutation = (random: Random, frame: Buffer) => Buffer

const ETHERNET = 14

const flipBits: Mutation = (random, frame) => {
  for (let n = 1 + random.below(4); n > 0; n--) frame[random.below(frame.length)]! ^= 1 << random.below(8)
  return frame
}

/** Most decisions are taken on the first bytes after the Ethernet header. */
const flipHeaderByte: Mutation = (random, frame) => {
  const at = Math.min(frame.length - 1, 12 + random.below(52))
  frame[at] = random.below(256)
  return frame
}

const truncate: Mutation = (random, frame) => frame.subarray(0, ETHERNET + random.below(frame.length - ETHERNET + 1))

const extend: Mutation = (random, frame) => Buffer.concat([frame, random.bytes(1 + random.below(64))])

/** The IP header's own length, its total length, and IPv6's payload length. */
const breakLength: Mutation = (random, frame) => {
  const [at, length] = random.pick([
    [0, 1],
    [2, 2],
    [4, 2],
    [41, 1],
    [24, 2],
  ] as const)
  random.bytes(length).copy(frame, Math.min(ETHERNET + at, frame.length - length))
  return frame
}

/** Another protocol over the same bytes. */
const changeProtocol: Mutation = (random, frame) => {
  const at = random.pick([ETHERNET + 9, ETHERNET + 6, ETHERNET + 40])
  frame[Math.min(at, frame.length - 1)] = random.pick([0, 1, 6, 17, 43, 44, 51, 58, 60, 132, 255])
  return frame
}

const changeFragment: Mutation = (random, frame) => {
  frame.writeUInt16BE(random.word() & 0xffff, Math.min(ETHERNET + 6, frame.length - 2))
  return frame
}

const splice: Mutation = (random, frame) => {
  const from = random.below(frame.length)
  const to = random.below(frame.length)
  frame.copy(frame, to, from, from + random.below(16))
  return frame
}

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  flipHeaderByte,
  truncate,
  extend,
  breakLength,
  changeProtocol,
  changeFragment,
  splice,
]

/** A damaged copy, never shorter than an Ethernet header. */
export function mutate(random: Random, frame: Buffer): Buffer {
  let damaged: Buffer = Buffer.from(frame)
  for (let n = 1 + random.below(3); n > 0; n--) damaged = random.pick(MUTATIONS)(random, damaged)
  return damaged
}
