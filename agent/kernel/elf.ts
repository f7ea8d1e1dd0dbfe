// SPDX-License-Identifier: Apache-2.0
/** The parts of a BPF object file that its BTF does not tell: sections and symbols. 64-bit little-endian ELF (System V gABI, ch. 4). */

export interface Section {
  readonly name: string
  readonly data: Buffer
}

export interface Symbol {
  readonly name: string
  readonly kind: 'object' | 'function' | 'other'
  readonly global: boolean
  /** Section that it lies in; empty for an undefined or absolute symbol. */
  readonly section: string
  /** Byte offset in that section. */
  readonly offset: number
  readonly size: number
}

export interface Elf {
  readonly sections: readonly Section[]
  readonly symbols: readonly Symbol[]
}

/** The file is not what it should be. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

const SHT_SYMTAB = 2
const SHT_NOBITS = 8
const SECTION_HEADER = 64
const SYMBOL = 24
const KINDS: Readonly<Record<number, Symbol['kind']>> = { 1: 'object', 2: 'function' }

interface Header {
  readonly name: number
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
}

/** Reads an object file; `name` is for messages. Throws FormatError when it is not a whole 64-bit little-endian ELF file. */
export function parseElf(file: Buffer, name: string): Elf {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new FormatError(`${name}: not a 64-bit little-endian ELF file`)
  try {
    return readElf(file)
  } catch (error) {
    if (error instanceof RangeError) throw new FormatError(`${name}: damaged ELF file: ${error.message}`)
    throw error
  }
}

function readElf(file: Buffer): Elf {
  const start = Number(file.readBigUInt64LE(0x28))
  const headers = Array.from({ length: file.readUInt16LE(0x3c) }, (_, i) =>
    readHeader(file, start + i * SECTION_HEADER),
  )
  const names = contents(file, headers[file.readUInt16LE(0x3e)])
  const sections = headers.map(header => ({ name: text(names, header.name), data: contents(file, header) }))
  const table = headers.find(header => header.type === SHT_SYMTAB)
  const symbols =
    table === undefined ? [] : readSymbols(contents(file, table), contents(file, headers[table.link]), sections)
  return { sections, symbols }
}

function readHeader(file: Buffer, at: number): Header {
  return {
    name: file.readUInt32LE(at),
    type: file.readUInt32LE(at + 4),
    offset: Number(file.readBigUInt64LE(at + 0x18)),
    size: Number(file.readBigUInt64LE(at + 0x20)),
    link: file.readUInt32LE(at + 0x28),
  }
}

function contents(file: Buffer, header: Header | undefined): Buffer {
  if (header === undefined) throw new RangeError('it names a section that is not there')
  if (header.type === SHT_NOBITS) return Buffer.alloc(header.size)
  if (header.offset + header.size > file.length) throw new RangeError('a section ends behind the end of the file')
  return file.subarray(header.offset, header.offset + header.size)
}

function readSymbols(table: Buffer, names: Buffer, sections: readonly Section[]): Symbol[] {
  return Array.from({ length: Math.floor(table.length / SYMBOL) }, (_, i) => {
    const at = i * SYMBOL
    const info = table.readUInt8(at + 4)
    return {
      name: text(names, table.readUInt32LE(at)),
      kind: KINDS[info & 0xf] ?? 'other',
      global: info >> 4 === 1,
      section: sections[table.readUInt16LE(at + 6)]?.name ?? '',
      offset: Number(table.readBigUInt64LE(at + 8)),
      size: Number(table.readBigUInt64LE(at + 16)),
    }
  })
}

/** A NUL-terminated string of a string table. */
export function text(table: Buffer, at: number): string {
  const end = table.indexOf(0, at)
  if (at >= table.length || end < 0) throw new RangeError(`no string at ${at}`)
  return table.toString('utf8', at, end)
}

/** The contents of a section, or undefined when the file has none of that name. */
export function sectionData(elf: Elf, name: string): Buffer | undefined {
  return elf.sections.find(section => section.name === name)?.data
}
