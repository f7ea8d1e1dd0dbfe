// SPDX-License-Identifier: Apache-2.0
/** enum ek_* as TypeScript: a const object, a union type, and functions that give names back. */
import type { EnumType } from '../btf.ts'
import { camelCase, GenerateError, pascalCase } from './source.ts'

/** The text for one enum. An enum whose name ends in _flag is a set of bits. */
export function enumCode(type: EnumType): string {
  const name = pascalCase(type.name)
  const prefix = commonPrefix([type.name.toUpperCase(), ...type.values.map(value => value.name)])
  const rows = type.values.map(value => `  ${property(value.name.slice(prefix.length))}: ${number(type, value.value)},`)
  return [
    `/** enum ${type.name} */`,
    `export const ${name} = {`,
    ...rows,
    '} as const',
    `export type ${name} = (typeof ${name})[keyof typeof ${name}]`,
    ...nameFunction(type, name),
  ].join('\n')
}

function nameFunction(type: EnumType, name: string): string[] {
  return type.name.endsWith('_flag')
    ? [
        `export function ${camelCase(type.name)}Names(bits: number): string[] {`,
        `  return bitNames(${name}, bits)`,
        '}',
      ]
    : [
        `export function ${camelCase(type.name)}Name(value: number): string {`,
        `  return valueName(${name}, value)`,
        '}',
      ]
}

/** "EK_FLOW_" of enum ek_flow_state's EK_FLOW_OPENING and EK_FLOW_CLOSING: whole words, the enum's name among them. */
function commonPrefix(names: readonly string[]): string {
  const words = names.map(name => name.split('_'))
  const first = words[0] ?? []
  const different = first.findIndex((word, i) => words.some(other => other[i] !== word))
  const common = first.slice(0, different < 0 ? first.length : different)
  return common.length === 0 ? '' : `${common.join('_')}_`
}

/** A constant such as EK_PORT_8080 needs quotes. */
function property(name: string): string {
  return /^[A-Za-z_]/.test(name) ? name : `'${name}'`
}

function number(type: EnumType, value: bigint): string {
  const plain = Number(value)
  if (!Number.isSafeInteger(plain)) throw new GenerateError(`enum ${type.name}: ${value} does not fit a number`)
  return String(plain)
}
