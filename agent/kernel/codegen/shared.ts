// SPDX-License-Identifier: Apache-2.0
/** Which types the kernel and the agent share: those of map keys and values, and those that bpf/layout.bpf.c names. */
import { type Btf, type TypeId, typeAt } from '../btf.ts'
import { mapDeclarations } from '../declarations.ts'
import { PREFIX } from './source.ts'

/** The variable of bpf/layout.bpf.c whose members name the types that no map holds. */
const REGISTER = `${PREFIX}types`

/** The ids of every shared struct and enum ek_*, those inside of others among them. Programs' own structs are not shared. */
export function sharedTypes(btf: Btf): TypeId[] {
  const found = new Set<TypeId>()
  for (const root of roots(btf)) visit(btf, root, found)
  return [...found].filter(
    id => ['struct', 'enum'].includes(typeAt(btf, id).kind) && typeAt(btf, id).name.startsWith(PREFIX),
  )
}

function roots(btf: Btf): TypeId[] {
  const register = btf.types.find(type => type.kind === 'var' && type.name === REGISTER)
  const ofMaps = mapDeclarations(btf).flatMap(map => [map.key, map.value].filter(id => id !== undefined))
  return register?.kind === 'var' ? [...ofMaps, register.type] : ofMaps
}

function visit(btf: Btf, id: TypeId, found: Set<TypeId>): void {
  if (found.has(id)) return
  found.add(id)
  const type = typeAt(btf, id)
  if (type.kind === 'struct' || type.kind === 'union') for (const member of type.members) visit(btf, member.type, found)
  else if (type.kind === 'array') visit(btf, type.element, found)
  else if ('type' in type && type.kind !== 'ptr') visit(btf, type.type, found)
}
