// SPDX-License-Identifier: Apache-2.0
/** Whether a map in the kernel, or one that an object file declares, is laid out as layout.gen.ts says. */
import { constants } from 'node:os'
import type { MapInfo } from '../../native/bridge.d.ts'
import { bridge } from './bridge.ts'
import { type Btf, parseBtf, type TypeId } from './btf.ts'
import type { Codec, Field, MapLayout } from './codec.ts'
import { type MapDeclaration, mapDeclarations } from './declarations.ts'
import { checkValue } from './errno.ts'
import { MismatchError } from './mismatch.ts'
import { differingField, fieldsOf } from './shape.ts'

/** What decides whether a map is the one that a layout describes. */
export type MapShape = Pick<MapLayout<never, never>, 'name' | 'type' | 'kind' | 'flags'> & {
  readonly key: Pick<Codec<never>, 'size' | 'fields'>
  readonly value: Pick<Codec<never>, 'size' | 'fields'>
}

/** Throws MismatchError when the map behind fd has another type, size, flag or field. */
export function refuseDifferentMap(fd: number, path: string, layout: MapShape): void {
  const difference = mapDifference(fd, path, layout)
  if (difference === undefined) return
  throw new MismatchError(
    `map ${layout.name} pinned at ${path} is not of this version: ${difference}`,
    `Run the version that made it, or start the agent of this one, which takes over what it can (evenkeel run)`,
  )
}

/** How the map behind fd differs in type, size, flags or fields; undefined: not at all. Throws KernelError. */
export function mapDifference(fd: number, path: string, layout: MapShape): string | undefined {
  const info = checkValue(bridge.mapInfo(fd), 'ask about map', path, 'Is it a map at all?')
  return differentNumbers(info, layout) ?? differentFields(info, layout)
}

/** What a map's own BTF says of its elements; undefined when it has none. Throws KernelError. */
export function pinnedFields(info: MapInfo, name: string): Record<'key' | 'value', readonly Field[]> | undefined {
  const declared = declaredIn(info, name)
  if (declared === undefined) return undefined
  const fields = (id: TypeId | undefined) => (id === undefined ? [] : fieldsOf(declared.btf, id))
  return { key: fields(declared.map.key), value: fields(declared.map.value) }
}

function differentNumbers(info: MapInfo, layout: MapShape): string | undefined {
  if (info.type !== layout.type) return `its type is ${info.type} in place of ${layout.type} (${layout.kind})`
  if (info.flags !== layout.flags)
    return `its flags are 0x${info.flags.toString(16)} in place of 0x${layout.flags.toString(16)}`
  return undefined
}

function differentFields(info: MapInfo, layout: MapShape): string | undefined {
  const declared = declaredIn(info, layout.name)
  if (declared !== undefined) {
    const difference = differentDeclaration(declared.btf, declared.map, layout)
    if (difference !== undefined) return difference
  }
  if (info.keySize !== layout.key.size) return `its keys have ${info.keySize} bytes in place of ${layout.key.size}`
  if (info.valueSize !== layout.value.size)
    return `its values have ${info.valueSize} bytes in place of ${layout.value.size}`
  return declared === undefined && layout.key.size > 0 ? 'it has no BTF, so nobody knows its fields' : undefined
}

function declaredIn(info: MapInfo, name: string): { readonly btf: Btf; readonly map: MapDeclaration } | undefined {
  if (info.btfId === 0) return undefined
  // A map whose types can't be seen is no map of another layout.
  const raw = bridge.btfById(info.btfId)
  const hint = raw === -constants.errno.EPERM ? 'This takes root (CAP_SYS_ADMIN)' : undefined
  const btf = parseBtf(checkValue(raw, 'read the types of map', name, hint))
  const map = mapDeclarations(btf).find(found => found.name === name)
  return map === undefined ? undefined : { btf, map }
}

/** How a declared map's key or value differs, or undefined. */
export function differentDeclaration(btf: Btf, map: MapDeclaration, layout: MapShape): string | undefined {
  for (const part of ['key', 'value'] as const) {
    const id = map[part]
    const difference = differingField(layout[part].fields, id === undefined ? [] : fieldsOf(btf, id))
    if (difference !== undefined) return `its ${part} has ${difference}`
  }
  return undefined
}
