// SPDX-License-Identifier: Apache-2.0
/** struct ek_* as TypeScript: an interface, a size and a codec. */
import { type Btf, type Member, resolve, type StructType, type TypeId } from '../btf.ts'
import type { Field } from '../codec.ts'
import { fieldsOf, findHole, scalarName, sizeOf } from '../shape.ts'
import { camelCase, constantCase, GenerateError, PREFIX, pascalCase } from './source.ts'

/** Padding that types.h writes out: not in the interface, written as zero. */
const PADDING = 'zero'

interface Accessor {
  readonly type: string
  /** The middle of the names of Buffer's methods. */
  readonly method: string
}

const SCALARS: Readonly<Record<string, Accessor>> = {
  u8: { type: 'number', method: 'UInt8' },
  bool: { type: 'number', method: 'UInt8' },
  s8: { type: 'number', method: 'Int8' },
  u16: { type: 'number', method: 'UInt16LE' },
  s16: { type: 'number', method: 'Int16LE' },
  be16: { type: 'number', method: 'UInt16BE' },
  u32: { type: 'number', method: 'UInt32LE' },
  s32: { type: 'number', method: 'Int32LE' },
  be32: { type: 'number', method: 'UInt32BE' },
  u64: { type: 'bigint', method: 'BigUInt64LE' },
  s64: { type: 'bigint', method: 'BigInt64LE' },
  be64: { type: 'bigint', method: 'BigUInt64BE' },
}
/** Arrays of these are opaque bytes, in the order of the wire. */
const BYTES = /^(u8|be16|be32|be64)\[/

/** How one member is written, read and typed. */
interface MemberCode {
  readonly name: string
  readonly type: string
  readonly encode: string
  readonly decode: string
}

/** The text for one struct. Throws GenerateError on a hole and on a field that has no codec. */
export function structCode(btf: Btf, id: TypeId, struct: StructType): string {
  const fields = fieldsOf(btf, id)
  refuseHole(struct, fields)
  const name = pascalCase(struct.name)
  const head = [`/** struct ${struct.name} */`]
  const size = `export const ${constantCase(struct.name)}_SIZE = ${struct.size}`
  const body = isBytes(btf, struct) ? bytesCode(struct, name) : interfaceCode(btf, struct, name)
  return [
    ...head,
    ...body,
    size,
    ...textSizes(btf, struct),
    ...codecCode(struct, name, fields, isCounters(btf, struct)),
  ].join('\n')
}

function refuseHole(struct: StructType, fields: readonly Field[]): void {
  const hole = findHole(fields, struct.size)
  if (hole === undefined) return
  const place = hole.after === '' ? 'at its start' : `behind field "${hole.after}"`
  const bytes =
    hole.size === 1 ? `byte ${hole.offset} is` : `bytes ${hole.offset} to ${hole.offset + hole.size - 1} are`
  throw new GenerateError(
    `struct ${struct.name} has a hole ${place}: ${bytes} padding of the compiler's. Write it out in bpf/types.h as a field named ${PADDING}`,
  )
}

/** A struct that is nothing but bytes (struct ek_addr, struct ek_block) is a Uint8Array. */
function isBytes(btf: Btf, struct: StructType): boolean {
  const [only, ...others] = struct.members
  return only !== undefined && others.length === 0 && BYTES.test(fieldsOf(btf, only.type)[0]?.type ?? '')
}

function isCounters(btf: Btf, struct: StructType): boolean {
  return struct.members.every(member => scalarName(btf, member.type) === 'u64')
}

function bytesCode(struct: StructType, name: string): string[] {
  return [
    `export type ${name} = Uint8Array`,
    `export function encode${name}(value: ${name}, to: Buffer, at = 0): void {`,
    `  putBytes(value, to, at, ${struct.size}, '${struct.name}')`,
    '}',
    `export function decode${name}(from: Buffer, at = 0): ${name} {`,
    `  return getBytes(from, at, ${struct.size})`,
    '}',
  ]
}

function interfaceCode(btf: Btf, struct: StructType, name: string): string[] {
  const members = struct.members.map(member => ({
    padding: member.name === PADDING,
    code: memberCode(btf, struct, member),
  }))
  const shown = members.filter(member => !member.padding).map(member => member.code)
  return [
    `export interface ${name} {`,
    ...shown.map(code => `  readonly ${code.name}: ${code.type}`),
    '}',
    `export function encode${name}(value: ${name}, to: Buffer, at = 0): void {`,
    ...members.map(({ code }) => `  ${code.encode}`),
    '}',
    `export function decode${name}(from: Buffer, at = 0): ${name} {`,
    '  return {',
    ...shown.map(code => `    ${code.name}: ${code.decode},`),
    '  }',
    '}',
  ]
}

function memberCode(btf: Btf, struct: StructType, member: Member): MemberCode {
  const at = offsetText(member)
  const label = `'${struct.name}.${member.name}'`
  const value = `value.${camelCase(member.name)}`
  const size = sizeOf(btf, member.type)
  const name = camelCase(member.name)
  if (member.name === PADDING) return { name, type: '', encode: `to.fill(0, ${at}, ${at} + ${size})`, decode: '' }
  const scalar = SCALARS[scalarName(btf, member.type) ?? '']
  if (scalar !== undefined)
    return {
      name,
      type: scalar.type,
      encode: `to.write${scalar.method}(${value}, ${at})`,
      decode: `from.read${scalar.method}(${at})`,
    }
  const shape = fieldsOf(btf, member.type)[0]?.type ?? ''
  const target = resolve(btf, member.type)
  if (target.kind === 'struct' && target.name.startsWith(PREFIX)) {
    const inner = pascalCase(target.name)
    return { name, type: inner, encode: `encode${inner}(${value}, to, ${at})`, decode: `decode${inner}(from, ${at})` }
  }
  if (target.kind === 'array' && shape.startsWith('char['))
    return {
      name,
      type: 'string',
      encode: `putText(${value}, to, ${at}, ${size}, ${label})`,
      decode: `getText(from, ${at}, ${size})`,
    }
  if (target.kind === 'array' && BYTES.test(shape))
    return {
      name,
      type: 'Uint8Array',
      encode: `putBytes(${value}, to, ${at}, ${size}, ${label})`,
      decode: `getBytes(from, ${at}, ${size})`,
    }
  throw new GenerateError(
    `struct ${struct.name}: field "${member.name}" is ${target.kind} ${shape}, for which there is no codec: use integers, bytes, char arrays or struct ${PREFIX}*`,
  )
}

function offsetText(member: Member): string {
  return member.bitOffset === 0 ? 'at' : `at + ${member.bitOffset / 8}`
}

/** The sizes of char arrays, because #defines are not in BTF. */
function textSizes(btf: Btf, struct: StructType): string[] {
  return struct.members
    .filter(member => fieldsOf(btf, member.type)[0]?.type.startsWith('char['))
    .map(
      member =>
        `export const ${constantCase(struct.name)}_${member.name.toUpperCase()}_SIZE = ${sizeOf(btf, member.type)}`,
    )
}

function codecCode(struct: StructType, name: string, fields: readonly Field[], counters: boolean): string[] {
  const rows = fields.map(f => `    { path: '${f.path}', offset: ${f.offset}, size: ${f.size}, type: '${f.type}' },`)
  const sums = struct.members.map(({ name: m }) => `${camelCase(m)}: a.${camelCase(m)} + b.${camelCase(m)}`)
  const zeros = struct.members.map(member => `${camelCase(member.name)}: 0n`)
  return [
    `export const ${camelCase(struct.name)}Codec: Codec<${name}> = {`,
    `  name: 'struct ${struct.name}',`,
    `  size: ${struct.size},`,
    '  fields: [',
    ...rows,
    '  ],',
    `  encode: encode${name},`,
    `  decode: decode${name},`,
    ...(counters
      ? [`  sum: values => values.reduce((a, b) => ({ ${sums.join(', ')} }), { ${zeros.join(', ')} }),`]
      : []),
    '}',
  ]
}
