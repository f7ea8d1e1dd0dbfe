// SPDX-License-Identifier: Apache-2.0
/** Reads BTF, the type information of BPF objects: Documentation/bpf/btf.rst of the kernel. Little-endian only. */
import { FormatError, text } from './elf.ts'

/** Index into Btf.types; 0 is void. */
export type TypeId = number

export interface Member {
  readonly name: string
  readonly type: TypeId
  /** From the start of the struct. */
  readonly bitOffset: number
  /** Bits of a bit field; 0 for every other member. */
  readonly bitSize: number
}

export interface EnumValue {
  readonly name: string
  readonly value: bigint
}

export interface IntType {
  readonly kind: 'int'
  readonly name: string
  readonly size: number
  readonly bits: number
  readonly signed: boolean
  readonly char: boolean
  readonly bool: boolean
}

export interface ArrayType {
  readonly kind: 'array'
  readonly name: ''
  readonly element: TypeId
  readonly length: number
}

export interface StructType {
  readonly kind: 'struct' | 'union'
  /** Empty for an anonymous one. */
  readonly name: string
  readonly size: number
  readonly members: readonly Member[]
}

export interface EnumType {
  readonly kind: 'enum'
  readonly name: string
  readonly size: number
  readonly values: readonly EnumValue[]
}

/** A type that leads to another one. */
export interface ReferenceType {
  readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'func' | 'declTag' | 'typeTag' | 'var'
  readonly name: string
  readonly type: TypeId
}

export interface DatasecType {
  readonly kind: 'datasec'
  readonly name: string
  /** Offsets and sizes are 0 in an object file: libbpf fills them in when it loads. */
  readonly variables: readonly { readonly type: TypeId; readonly offset: number; readonly size: number }[]
}

export interface OpaqueType {
  readonly kind: 'void' | 'fwd' | 'funcProto' | 'float'
  readonly name: string
}

export type BtfType = IntType | ArrayType | StructType | EnumType | ReferenceType | DatasecType | OpaqueType

export interface Btf {
  readonly types: readonly BtfType[]
}

const MAGIC = 0xeb9f
const REFERENCES: Readonly<Record<number, ReferenceType['kind']>> = {
  2: 'ptr',
  8: 'typedef',
  9: 'volatile',
  10: 'const',
  11: 'restrict',
  12: 'func',
  14: 'var',
  17: 'declTag',
  18: 'typeTag',
}

/** Parses a .BTF section, or what the kernel gives of a BTF object. Throws FormatError. */
export function parseBtf(data: Buffer): Btf {
  if (data.length < 24 || data.readUInt16LE(0) !== MAGIC)
    throw new FormatError('BTF: wrong magic, this is not little-endian BTF')
  if (data.readUInt8(2) !== 1) throw new FormatError(`BTF: version ${data.readUInt8(2)} is unknown, only 1 is`)
  try {
    return { types: readTypes(part(data, 8), part(data, 16)) }
  } catch (error) {
    if (error instanceof RangeError) throw new FormatError(`BTF: damaged: ${error.message}`)
    throw error
  }
}

/** The type or string section: its offset (from the end of the header) and length are at `at`. */
function part(data: Buffer, at: number): Buffer {
  const start = data.readUInt32LE(4) + data.readUInt32LE(at)
  const end = start + data.readUInt32LE(at + 4)
  if (end > data.length) throw new RangeError('a section ends behind the end of the data')
  return data.subarray(start, end)
}

function readTypes(data: Buffer, strings: Buffer): BtfType[] {
  const types: BtfType[] = [{ kind: 'void', name: 'void' }]
  const cursor: Cursor = { data, strings, at: 0 }
  while (cursor.at < data.length) types.push(readType(cursor))
  return types
}

interface Cursor {
  readonly data: Buffer
  readonly strings: Buffer
  at: number
}

function u32(cursor: Cursor): number {
  const value = cursor.data.readUInt32LE(cursor.at)
  cursor.at += 4
  return value
}

function string(cursor: Cursor): string {
  return text(cursor.strings, u32(cursor))
}

function repeat<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read)
}

/** struct btf_type, and what follows it for its kind. */
function readType(cursor: Cursor): BtfType {
  const name = string(cursor)
  const info = u32(cursor)
  const head: Head = {
    name,
    kind: (info >>> 24) & 0x1f,
    length: info & 0xffff,
    flag: info >>> 31 === 1,
    word: u32(cursor),
  }
  const reference = REFERENCES[head.kind]
  if (reference !== undefined) return readReference(cursor, reference, head)
  const read = READERS[head.kind]
  if (read === undefined) throw new FormatError(`BTF: type "${name}" is of the unknown kind ${head.kind}`)
  return read(cursor, head)
}

interface Head {
  readonly name: string
  readonly kind: number
  readonly length: number
  readonly flag: boolean
  /** Size, or the type referred to. */
  readonly word: number
}

function readReference(cursor: Cursor, kind: ReferenceType['kind'], head: Head): ReferenceType {
  if (kind === 'var' || kind === 'declTag') u32(cursor) // linkage, component index
  return { kind, name: head.name, type: head.word }
}

const READERS: Readonly<Record<number, (cursor: Cursor, head: Head) => BtfType>> = {
  1: readInt,
  3: readArray,
  4: (cursor, head) => readStruct(cursor, head, 'struct'),
  5: (cursor, head) => readStruct(cursor, head, 'union'),
  6: (cursor, head) => readEnum(cursor, head, 32),
  7: (_, head) => ({ kind: 'fwd', name: head.name }),
  13: readPrototype,
  15: readDatasec,
  16: (_, head) => ({ kind: 'float', name: head.name }),
  19: (cursor, head) => readEnum(cursor, head, 64),
}

function readInt(cursor: Cursor, { name, word }: Head): IntType {
  const encoding = u32(cursor)
  const flags = (encoding >>> 24) & 0xf
  const bits = encoding & 0xff
  return { kind: 'int', name, size: word, bits, signed: (flags & 1) > 0, char: (flags & 2) > 0, bool: (flags & 4) > 0 }
}

function readArray(cursor: Cursor): ArrayType {
  const element = u32(cursor)
  u32(cursor) // index type
  return { kind: 'array', name: '', element, length: u32(cursor) }
}

function readStruct(cursor: Cursor, head: Head, kind: 'struct' | 'union'): StructType {
  const members = repeat(head.length, () => {
    const name = string(cursor)
    const type = u32(cursor)
    const offset = u32(cursor)
    return { name, type, bitOffset: head.flag ? offset & 0xffffff : offset, bitSize: head.flag ? offset >>> 24 : 0 }
  })
  return { kind, name: head.name, size: head.word, members }
}

function readEnum(cursor: Cursor, head: Head, bits: 32 | 64): EnumType {
  const values = repeat(head.length, () => {
    const name = string(cursor)
    const raw = BigInt(u32(cursor)) | (bits === 64 ? BigInt(u32(cursor)) << 32n : 0n)
    return { name, value: head.flag ? BigInt.asIntN(bits, raw) : raw }
  })
  return { kind: 'enum', name: head.name, size: head.word, values }
}

function readPrototype(cursor: Cursor, head: Head): OpaqueType {
  cursor.at += 8 * head.length
  return { kind: 'funcProto', name: head.name }
}

function readDatasec(cursor: Cursor, head: Head): DatasecType {
  const variables = repeat(head.length, () => ({ type: u32(cursor), offset: u32(cursor), size: u32(cursor) }))
  return { kind: 'datasec', name: head.name, variables }
}

/** A type by its id. */
export function typeAt(btf: Btf, id: TypeId): BtfType {
  const type = btf.types[id]
  if (type === undefined) throw new FormatError(`BTF: no type ${id}`)
  return type
}

/** The type behind typedefs and qualifiers. */
export function resolve(btf: Btf, id: TypeId): BtfType {
  const type = typeAt(btf, id)
  const through = ['typedef', 'const', 'volatile', 'restrict', 'typeTag'].includes(type.kind)
  return through ? resolve(btf, (type as ReferenceType).type) : type
}

/** The variables of a section such as ".maps", with the ids of their types. */
export function sectionVariables(btf: Btf, section: string): { readonly name: string; readonly type: TypeId }[] {
  const found = btf.types.find(type => type.kind === 'datasec' && type.name === section)
  if (found?.kind !== 'datasec') return []
  return found.variables.map(({ type }) => {
    const variable = typeAt(btf, type)
    if (variable.kind !== 'var')
      throw new FormatError(`BTF: ${section} holds ${variable.kind} "${variable.name}", not a variable`)
    return { name: variable.name, type: variable.type }
  })
}
