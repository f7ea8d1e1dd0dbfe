// SPDX-License-Identifier: Apache-2.0
/** The maps that BTF tells of, in an object's .maps section or in a loaded object. How they are written: __uint and __type of libbpf's bpf_helpers.h. */
import { type Btf, resolve, sectionVariables, type TypeId } from './btf.ts'
import { FormatError } from './elf.ts'

export interface MapDeclaration {
  readonly name: string
  readonly type: number
  readonly maxEntries: number
  readonly flags: number
  /** undefined: the map has none. */
  readonly key: TypeId | undefined
  readonly value: TypeId | undefined
}

/** Names of maps that the agent shares. Others are a program's own: scratch memory. */
const SHARED = /^ek_/

/** The maps that a program shares with the agent, in the order of the BTF. */
export function mapDeclarations(btf: Btf): MapDeclaration[] {
  const shared = sectionVariables(btf, '.maps').filter(({ name }) => SHARED.test(name))
  return shared.map(({ name, type }) => {
    const struct = resolve(btf, type)
    if (struct.kind !== 'struct')
      throw new FormatError(`map ${name} is ${struct.kind}, not a struct of __uint and __type`)
    const target = (member: string) => pointee(btf, struct.members.find(found => found.name === member)?.type)
    const number = (member: string) => arrayLength(btf, target(member))
    return {
      name,
      type: number('type'),
      maxEntries: number('max_entries'),
      flags: number('map_flags'),
      key: target('key'),
      value: target('value'),
    }
  })
}

function pointee(btf: Btf, id: TypeId | undefined): TypeId | undefined {
  const type = id === undefined ? undefined : resolve(btf, id)
  return type?.kind === 'ptr' ? type.type : undefined
}

/** __uint(name, 5) is int (*name)[5]. */
function arrayLength(btf: Btf, id: TypeId | undefined): number {
  const type = id === undefined ? undefined : resolve(btf, id)
  return type?.kind === 'array' ? type.length : 0
}
