// SPDX-License-Identifier: Apache-2.0
/** What layout.gen.ts is made of: codecs between C structs in Buffers and plain objects, and descriptions of maps. */

/** One scalar, or array of scalars, of a C type. */
export interface Field {
  /** "addr.w"; empty when the whole type is this scalar. */
  readonly path: string
  readonly offset: number
  readonly size: number
  /** u8 to u64, s8 to s64, be16, be32, be64, char, bool, ptr; with [n] behind it for an array. */
  readonly type: string
}

export interface Codec<T> {
  /** "struct ek_flow", "u32". */
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly fields: readonly Field[]
  /** Writes all bytes, padding too. Throws RangeError when a value does not fit its field. */
  readonly encode: (value: T, to: Buffer, at?: number) => void
  readonly decode: (from: Buffer, at?: number) => T
  /** Adds up per-CPU values; only for types whose fields are all u64. */
  readonly sum?: (values: readonly T[]) => T
}

export interface MapLayout<K, V> {
  /** As in bpf/maps.h and under the pins: "ek_flows". */
  readonly name: string
  /** BPF_MAP_TYPE_* */
  readonly type: number
  /** The same, in words: "lru_hash". */
  readonly kind: string
  readonly perCpu: boolean
  readonly key: Codec<K>
  readonly value: Codec<V>
  /** The default; the agent may set another one before it loads. */
  readonly maxEntries: number
  /** BPF_F_* */
  readonly flags: number
}

function scalar<T>(name: string, size: number, encode: Codec<T>['encode'], decode: Codec<T>['decode']): Codec<T> {
  return { name, size, fields: [{ path: '', offset: 0, size, type: name }], encode, decode }
}

export const u8Codec: Codec<number> = scalar(
  'u8',
  1,
  (value, to, at = 0) => void to.writeUInt8(value, at),
  (from, at = 0) => from.readUInt8(at),
)
export const u16Codec: Codec<number> = scalar(
  'u16',
  2,
  (value, to, at = 0) => void to.writeUInt16LE(value, at),
  (from, at = 0) => from.readUInt16LE(at),
)
export const u32Codec: Codec<number> = scalar(
  'u32',
  4,
  (value, to, at = 0) => void to.writeUInt32LE(value, at),
  (from, at = 0) => from.readUInt32LE(at),
)
export const u64Codec: Codec<bigint> = {
  ...scalar<bigint>(
    'u64',
    8,
    (value, to, at = 0) => void to.writeBigUInt64LE(value, at),
    (from, at = 0) => from.readBigUInt64LE(at),
  ),
  sum: values => values.reduce((a, b) => a + b, 0n),
}
/** The key and the value of maps that have none (ring buffers). */
export const noCodec: Codec<undefined> = {
  name: 'nothing',
  size: 0,
  fields: [],
  encode: () => {},
  decode: () => undefined,
}

/** Copies bytes that must have exactly the field's size. */
export function putBytes(value: Uint8Array, to: Buffer, at: number, size: number, field: string): void {
  if (value.length !== size) throw new RangeError(`${field} takes ${size} bytes, not ${value.length}`)
  if (at + size > to.length) throw new RangeError(`${field} ends behind the end of the buffer`)
  for (let i = 0; i < size; i++) to[at + i] = value[i] as number
}

/** A copy of bytes. */
export function getBytes(from: Buffer, at: number, size: number): Uint8Array {
  if (at + size > from.length) throw new RangeError(`${size} bytes at ${at} end behind the end of the buffer`)
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = from[at + i] as number
  return bytes
}

/** Writes UTF-8 with NULs up to the field's size; at least one NUL stays at the end, for C. */
export function putText(value: string, to: Buffer, at: number, size: number, field: string): void {
  const length = Buffer.byteLength(value)
  if (length >= size) throw new RangeError(`${field} takes ${size - 1} bytes of text, "${value}" has ${length}`)
  if (value.includes('\0')) throw new RangeError(`${field}: a NUL in "${value.replaceAll('\0', '\\0')}"`)
  to.fill(0, at, at + size)
  to.write(value, at, size, 'utf8')
}

/** Text up to the first NUL. */
export function getText(from: Buffer, at: number, size: number): string {
  const end = from.subarray(at, at + size).indexOf(0)
  return from.toString('utf8', at, at + (end < 0 ? size : end))
}

/** The name of an enum's value, or the number when it has none. */
export function valueName(names: Readonly<Record<string, number>>, value: number): string {
  for (const name in names) if (names[name] === value) return name
  return String(value)
}

/** The names of the bits that are set; bits without a name as one number in hexadecimal. */
export function bitNames(names: Readonly<Record<string, number>>, bits: number): string[] {
  const known = Object.entries(names).filter(([, bit]) => bit !== 0 && (bits & bit) === bit)
  const rest = known.reduce((left, [, bit]) => left & ~bit, bits)
  return rest === 0 ? known.map(([name]) => name) : [...known.map(([name]) => name), `0x${(rest >>> 0).toString(16)}`]
}
