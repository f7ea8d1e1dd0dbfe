// SPDX-License-Identifier: Apache-2.0
/** A type as the flat list of its scalar fields: what the code generator writes down and what pinned maps are compared with. */
import { type Btf, type BtfType, resolve, type TypeId, typeAt } from './btf.ts'
import type { Field } from './codec.ts'
import { FormatError } from './elf.ts'

/** Bytes that a value of the type takes. */
export function sizeOf(btf: Btf, id: TypeId): number {
  const type = resolve(btf, id)
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'struct':
    case 'union':
      return type.size
    case 'array':
      return type.length * sizeOf(btf, type.element)
    case 'ptr':
      return 8
    default:
      throw new FormatError(`BTF: ${type.kind} "${type.name}" has no size`)
  }
}

/**
 * The name of a scalar: u8 to u64, s8 to s64, be16, be32, be64 (network byte order, by the kernel's typedefs), char, bool, ptr;
 * undefined for a type that has parts.
 */
export function scalarName(btf: Btf, id: TypeId): string | undefined {
  const type = typeAt(btf, id)
  if (type.kind === 'typedef' && /^__be(16|32|64)$/.test(type.name)) return type.name.slice(2)
  switch (type.kind) {
    case 'typedef':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typeTag':
      return scalarName(btf, type.type)
    case 'enum':
      return `u${8 * type.size}`
    case 'ptr':
      return 'ptr'
    case 'int':
      return intName(type)
    default:
      return undefined
  }
}

function intName(type: BtfType & { readonly kind: 'int' }): string {
  if (type.bool) return 'bool'
  if (type.name === 'char') return 'char'
  return `${type.signed ? 's' : 'u'}${8 * type.size}`
}

/** The fields of a type in the order of their offsets. A scalar is one field with an empty path. Throws FormatError on a bit field. */
export function fieldsOf(btf: Btf, id: TypeId): Field[] {
  return flatten(btf, id, '', 0)
}

function flatten(btf: Btf, id: TypeId, path: string, offset: number): Field[] {
  const scalar = scalarName(btf, id)
  if (scalar !== undefined) return [{ path, offset, size: sizeOf(btf, id), type: scalar }]
  const type = resolve(btf, id)
  if (type.kind === 'array') return flattenArray(btf, type, path, offset)
  if (type.kind !== 'struct' && type.kind !== 'union')
    throw new FormatError(`${path}: ${type.kind} can not be in a map`)
  return type.members.flatMap(member => {
    const inner = [path, member.name].filter(part => part !== '').join('.')
    if (member.bitSize > 0)
      throw new FormatError(`${type.name || path}: field ${member.name} is a bit field: use a whole integer`)
    return flatten(btf, member.type, inner, offset + member.bitOffset / 8)
  })
}

function flattenArray(btf: Btf, array: BtfType & { readonly kind: 'array' }, path: string, offset: number): Field[] {
  const scalar = scalarName(btf, array.element)
  const size = sizeOf(btf, array.element)
  if (scalar !== undefined) return [{ path, offset, size: size * array.length, type: `${scalar}[${array.length}]` }]
  return Array.from({ length: array.length }, (_, i) =>
    flatten(btf, array.element, `${path}[${i}]`, offset + i * size),
  ).flat()
}

export interface Hole {
  readonly offset: number
  readonly size: number
  /** The field in front; empty at the start. */
  readonly after: string
}

/** The first run of bytes that no field covers: padding that the compiler put in, whose contents are undefined. */
export function findHole(fields: readonly Field[], size: number): Hole | undefined {
  let covered = 0
  let after = ''
  for (const field of [...fields].sort((a, b) => a.offset - b.offset)) {
    if (field.offset > covered) return { offset: covered, size: field.offset - covered, after }
    if (field.offset + field.size >= covered) after = field.path
    covered = Math.max(covered, field.offset + field.size)
  }
  return covered < size ? { offset: covered, size: size - covered, after } : undefined
}

/** Says which field differs first, in the words of an error message; undefined when the two are alike. */
export function differingField(expected: readonly Field[], found: readonly Field[]): string | undefined {
  const at = expected.findIndex((field, i) => !alike(field, found[i]))
  if (at < 0 && expected.length === found.length) return undefined
  const index = at < 0 ? expected.length : at
  return `${describe(found[index])} in place of ${describe(expected[index])}`
}

function alike(a: Field, b: Field | undefined): boolean {
  return b !== undefined && a.path === b.path && a.offset === b.offset && a.type === b.type
}

function describe(field: Field | undefined): string {
  return field === undefined
    ? 'the end'
    : `${field.path === '' ? 'a plain' : `field "${field.path}", a`} ${field.type} at byte ${field.offset}`
}
