// SPDX-License-Identifier: Apache-2.0
/** What the generator reads: the BTF and the symbols of an object file. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Btf, parseBtf } from '../btf.ts'
import { type Elf, parseElf, sectionData } from '../elf.ts'

export interface ObjectSource {
  /** "tc" of bpf/build/tc.bpf.o. */
  readonly name: string
  readonly elf: Elf
  readonly btf: Btf
}

/** The types can not be generated: the message names the type, the field and what to do. */
export class GenerateError extends Error {
  override readonly name = 'GenerateError'
}

/** Reads an object file that was compiled with -g. Throws GenerateError or FormatError. */
export function readObject(path: string): ObjectSource {
  const elf = parseElf(readFileSync(path), path)
  const btf = sectionData(elf, '.BTF')
  if (btf === undefined) throw new GenerateError(`${path} has no BTF: compile it with -g`)
  return { name: basename(path).replace(/(\.bpf)?\.o$/, ''), elf, btf: parseBtf(btf) }
}

/** The prefix of every type, map and program of ours. */
export const PREFIX = 'ek_'

export function pascalCase(name: string): string {
  const words = name.slice(name.startsWith(PREFIX) ? PREFIX.length : 0).split('_')
  return words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

export function camelCase(name: string): string {
  const pascal = pascalCase(name)
  return pascal.charAt(0).toLowerCase() + pascal.slice(1)
}

export function constantCase(name: string): string {
  return name.slice(name.startsWith(PREFIX) ? PREFIX.length : 0).toUpperCase()
}
