// SPDX-License-Identifier: Apache-2.0
/** Frames at the borders of what counts as plain: TCP or UDP right behind an IP header without more, whole, as long as it says. */
import { destinationOptions, fragmentHeader, hopByHop, routing } from '../packet/extension.ts'
import { ETHERTYPE, PROTO } from '../packet/protocol.ts'
import { type Case, type FrameFields, frameBetween } from './cases.ts'
import { shortestRun } from './harness.ts'
import type { Endpoint } from './services.ts'

const ETHERNET = 14
/** A frame is no shorter on a wire, not counting its own checksum (IEEE 802.3 3.2.7). */
const ETHERNET_MINIMUM = 60
const BYTES = Array.from({ length: 256 }, (_, byte) => byte)

type Border = readonly [name: string, frame: Buffer]

/** From one endpoint to the other. */
export function* borders(test: Case, from: Endpoint, to: Endpoint): Generator<Border> {
  const frameOf = (fields: FrameFields) => frameBetween(test, from, to, { flags: 'A', ...fields })
  for (const [name, frame] of wholes(test, frameOf)) {
    yield [name, frame]
    yield [`${name}, padded`, padded(frame)]
  }
  yield* headers(test, frameOf)
  for (const [name, frame] of headers(test, frameOf)) yield* cuts(name, frame)
  for (const payload of [Buffer.alloc(0), Buffer.alloc(5)]) {
    yield* lengths(test, frameOf({ payload }))
    yield* cuts(`${payload.length} bytes`, frameOf({ payload }))
  }
  const at = ETHERNET + (test.version === 4 ? 9 : 6)
  for (const proto of BYTES) yield [`protocol ${proto}`, withByte(frameOf({}), at, proto)]
  for (const first of BYTES) yield [`IP begins with ${first}`, withByte(frameOf({}), ETHERNET, first)]
  yield* transports(test, frameOf({}))
  if (test.version === 4) yield* fragments(frameOf({}))
  for (const type of Object.values(ETHERTYPE)) yield [`ethertype ${type}`, frameOf({ type, payload: Buffer.alloc(64) })]
}

type Build = (fields: FrameFields) => Buffer

function* wholes({ proto }: Case, frameOf: Build): Generator<Border> {
  for (const length of [0, 1, 6, 7, 64, 1400])
    yield [`${length} bytes`, frameOf({ payload: Buffer.from(BYTES.slice(0, 100)).subarray(0, length) })]
  if (proto === PROTO.TCP) for (const flags of ['S', 'SA', 'PA', 'FA', 'R', '']) yield [flags, frameOf({ flags })]
  if (proto === PROTO.UDP) yield ['no checksum', frameOf({ checksum: 0 })]
}

/** More headers than one of each. */
function* headers({ version }: Case, frameOf: Build): Generator<Border> {
  for (const tags of [[1], [1, 2], [1, 2, 3], [{ type: ETHERTYPE.QINQ, tci: 5 }, 6]])
    yield [`${tags.length} tags`, frameOf({ tags })]
  if (version === 4) {
    for (const length of [4, 8, 40]) yield [`${length} bytes of options`, frameOf({ options: Buffer.alloc(length, 1) })]
    return
  }
  const chains = {
    'hop-by-hop': [hopByHop()],
    routed: [routing(2, 0, ['fd00::7'])],
    'to be routed': [routing(2, 1, ['fd00::7'])],
    options: [hopByHop(), destinationOptions(Buffer.alloc(14))],
    'an atomic fragment': [fragmentHeader({ id: 4, offset: 0, more: false })],
    'a first fragment': [fragmentHeader({ id: 5, offset: 0, more: true })],
    'a later fragment': [fragmentHeader({ id: 5, offset: 8, more: false })],
    'a later fragment of nothing': [fragmentHeader({ id: 6, offset: 8, more: true })],
  }
  for (const [name, extensions] of Object.entries(chains)) yield [name, frameOf({ extensions })]
}

/** What the IP header says of its packet's length, right or wrong, with and without bytes behind it. */
function* lengths({ version }: Case, frame: Buffer): Generator<Border> {
  const at = ETHERNET + (version === 4 ? 2 : 4)
  const right = frame.readUInt16BE(at)
  const long = padded(frame)
  const near = [0, 1, 7, 8, 19, 20, 21, 27, 28, 39, 40, 41, 0x7fff, 0xfff1, 0xfff2, 0xffff]
  const room = long.length - frame.length
  for (const length of [...near, right - 1, right, right + 1, right + room, right + room + 1]) {
    yield [`length ${length} of ${right}`, withWord(frame, at, length)]
    yield [`length ${length} of ${right}, padded`, withWord(long, at, length)]
  }
}

/** DF, MF, the reserved bit, and offsets; first ones come before later ones of the same id, and after. */
function* fragments(frame: Buffer): Generator<Border> {
  for (const field of [0x4000, 0x8000, 1, 0x2000, 1, 0x2001, 0x1fff, 0x3fff, 0x4001, 0x6000, 0xe000, 0xffff, 0x0100])
    yield [`fragment field ${field.toString(16)}`, withWord(frame, ETHERNET + 6, field)]
}

/** Fields of the transport that the programs need not believe: TCP's data offset and flags, UDP's length. */
function* transports({ version, proto }: Case, frame: Buffer): Generator<Border> {
  const l4 = ETHERNET + (version === 4 ? 20 : 40)
  if (proto === PROTO.UDP) {
    for (const length of [0, 7, 8, 9, 0xffff]) yield [`UDP length ${length}`, withWord(frame, l4 + 4, length)]
    return
  }
  for (let words = 0; words < 16; words++) yield [`data offset ${words}`, withByte(frame, l4 + 12, words << 4)]
  for (const flags of BYTES) yield [`TCP flags ${flags}`, withByte(frame, l4 + 13, flags)]
}

/** Test runs take nothing shorter. */
function* cuts(name: string, frame: Buffer): Generator<Border> {
  for (let length = shortestRun(frame); length < frame.length; length++)
    yield [`${name}, cut to ${length}`, frame.subarray(0, length)]
}

function padded(frame: Buffer): Buffer {
  const missing = Math.max(ETHERNET_MINIMUM - frame.length, 0)
  return Buffer.concat([frame, Buffer.alloc(missing || 3, 0xaa)])
}

function withByte(frame: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(frame)
  changed[at] = value
  return changed
}

function withWord(frame: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(frame)
  changed.writeUInt16BE(value, at)
  return changed
}
