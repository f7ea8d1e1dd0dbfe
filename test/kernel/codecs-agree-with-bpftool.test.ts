// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import type { Codec, Field, MapLayout } from '../../agent/kernel/codec.ts'
import * as layout from '../../agent/kernel/layout.gen.ts'
import { openMap } from '../../agent/kernel/maps.ts'
import { loadObject } from '../../agent/kernel/objects.ts'
import { run } from '../own-network.ts'
import { BUILT, workspace } from './workspace.ts'

const exported: readonly unknown[] = Object.values(layout)
const codecs = exported.filter(
  (item): item is Codec<unknown> => typeof item === 'object' && item !== null && 'encode' in item,
)

/** Random bytes that C could have written: padding zero, text NUL-padded. */
function randomValue<T>(codec: Codec<T>): Buffer {
  const bytes = randomBytes(codec.size)
  for (const field of codec.fields) {
    if (/(^|\.)zero$/.test(field.path)) bytes.fill(0, field.offset, field.offset + field.size)
    if (field.type.startsWith('char[')) fillText(bytes.subarray(field.offset, field.offset + field.size))
    // bpftool's JSON has numbers of 64 bits, which JSON.parse rounds from 2^53 on.
    if (field.type === 'u64') bytes.writeUInt32LE(bytes.readUInt16LE(field.offset), field.offset + 4)
  }
  return bytes
}

function fillText(bytes: Buffer): void {
  bytes.fill(0)
  bytes.write(randomBytes(50).toString('base64url'))
}

t.test('every codec gives back the bytes it was given', async t => {
  t.ok(codecs.length > 15, `${codecs.length} codecs`)
  for (const codec of codecs)
    for (let round = 0; round < 200; round++) {
      const bytes = randomValue(codec)
      const from = Buffer.concat([Buffer.alloc(round % 9), bytes])
      const to = Buffer.alloc(from.length, 0xaa)
      codec.encode(codec.decode(from, round % 9), to, round % 9)
      if (!to.subarray(round % 9).equals(bytes)) t.same(to.subarray(round % 9), bytes, codec.name)
    }
})

t.test('a value that does not fit its field is refused', async t => {
  const { encodeFrontendKey, encodeService, encodeTuple, decodeTuple } = layout
  const addr = new Uint8Array(16)
  const key = { addr, port: 80, proto: 6, scope: 0 }
  const to = Buffer.alloc(1000)
  t.throws(() => encodeFrontendKey({ ...key, port: 65536 }, to), RangeError)
  t.throws(() => encodeFrontendKey({ ...key, proto: -1 }, to), RangeError)
  t.throws(() => encodeFrontendKey({ ...key, addr: new Uint8Array(4) }, to), /ek_addr takes 16 bytes, not 4/)
  t.throws(() => encodeFrontendKey(key, Buffer.alloc(19)), RangeError)
  t.throws(() => encodeTuple(decodeTuple(to), Buffer.alloc(39)), RangeError)
  encodeService({ name: 'ä'.repeat(103) }, to)
  t.throws(() => encodeService({ name: 'ä'.repeat(104) }, to), /ek_service\.name takes 207 bytes of text/)
  t.throws(() => encodeService({ name: 'a\0b' }, to), /a NUL in/)
})

const space = workspace()
const object = loadObject({ file: BUILT.tc, folder: space.folder, settings: { eventSample: 0, netnsCookie: 0n } })
t.teardown(() => object.close())

/** The part of bpftool's formatted output that a field is about. */
function partAt(formatted: unknown, path: string): unknown {
  return path === ''
    ? formatted
    : path.split('.').reduce((part, name) => (part as Record<string, unknown>)[name], formatted)
}

/** bpftool knows no byte order: it shows each number as this machine reads it. */
function bytesOf(field: Field, part: unknown): Buffer {
  const words = typeof part === 'string' ? [...Buffer.from(part)] : [part].flat()
  const count = Number(/\[(\d+)\]/.exec(field.type)?.[1] ?? 1)
  const width = field.size / count
  const bytes = Buffer.alloc(field.size)
  words.forEach((word, i) => {
    const value = typeof word === 'string' ? word.charCodeAt(0) : Number(word)
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), 8 * i)
    else bytes.writeUIntLE(value, width * i, width)
  })
  return bytes
}

/** One field of a decoded value, in the bytes of the wire or of this machine. */
function ourBytes(field: Field, value: unknown): Buffer {
  const bytes = Buffer.alloc(field.size)
  const part = field.path.split('.').reduce((inner, name) => {
    if (typeof inner !== 'object' || inner instanceof Uint8Array || name === '') return inner
    return (inner as Record<string, unknown>)[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())]
  }, value)
  if (part instanceof Uint8Array) bytes.set(part)
  else if (typeof part === 'string') bytes.write(part)
  else if (typeof part === 'bigint') bytes.writeBigUInt64LE(part)
  else if (field.type.startsWith('be')) bytes.writeUIntBE(part as number, 0, field.size)
  else if (part !== undefined) bytes.writeUIntLE(part as number, 0, field.size)
  return bytes
}

const HASHES = ['frontends', 'affinity', 'flows', 'fragments', 'services', 'nodeAddrs'] as const

for (const name of HASHES)
  t.test(`elements written to ek_${name} are read by bpftool as they were meant`, async t => {
    const map = layout.MAPS[name] as unknown as MapLayout<unknown, unknown>
    const opened = openMap(map, object.mapFd(name))
    for (let i = 0; i < 20; i++) {
      const [key, value] = [map.key, map.value].map(codec => codec.decode(randomValue(codec)))
      opened.update(key, value)
    }
    const dump = JSON.parse(run('bpftool', '-j', 'map', 'dump', 'pinned', join(space.folder.path, map.name)))
    t.equal(dump.length, 20)
    const shown = dump.map(
      (element: { readonly formatted: { readonly key: unknown; readonly value: unknown } }) => element.formatted,
    )
    const ours = [...opened.entries()]
    for (const [key, value] of ours) {
      const alike = (formatted: { readonly key: unknown; readonly value: unknown }) =>
        map.key.fields.every(field => bytesOf(field, partAt(formatted.key, field.path)).equals(ourBytes(field, key))) &&
        map.value.fields.every(field =>
          bytesOf(field, partAt(formatted.value, field.path)).equals(ourBytes(field, value)),
        )
      t.equal(shown.filter(alike).length, 1, "exactly one of bpftool's elements is alike, field by field")
    }
    opened.close()
  })

t.test('bpftool shows a frontend in the order of the wire', async t => {
  const frontends = openMap(layout.MAPS.frontends, object.mapFd('frontends'))
  frontends.deleteMany([...frontends.entries()].map(([key]) => key))
  const addr = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 96, 0, 1])
  const value = {
    service: 7,
    table: 8,
    size: 1009,
    backends: 3,
    affinity: 10800,
    pool: 2,
    flags: layout.FrontendFlag.DSR,
  }
  frontends.update({ addr, port: 0x1f90, proto: 17, scope: layout.Scope.EXTERNAL }, value)
  const path = join(space.folder.path, 'ek_frontends')
  const [element] = JSON.parse(run('bpftool', '-j', 'map', 'dump', 'pinned', path))
  const bytes = (text: string) => text.split(' ').map(byte => `0x${byte}`)
  t.same(element.key, bytes('00 00 00 00 00 00 00 00 00 00 ff ff 0a 60 00 01 1f 90 11 01 00 00 00 00'))
  t.same(element.value, bytes('07 00 00 00 08 00 00 00 f1 03 00 00 03 00 00 00 30 2a 00 00 02 10 00 00'))
  frontends.close()
})

t.test('names of enums and flags', async t => {
  t.equal(layout.reasonName(layout.Reason.NO_ENDPOINTS), 'NO_ENDPOINTS')
  t.equal(layout.reasonName(99), '99')
  t.same(layout.flowFlagNames(layout.FlowFlag.REPLY | layout.FlowFlag.FIN_REPLY), ['REPLY', 'FIN_REPLY'])
  t.same(layout.flowFlagNames(0x101), ['REPLY', '0x100'])
})
