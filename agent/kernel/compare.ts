// SPDX-License-Identifier: Apache-2.0
/** Whether a map in the kernel, or one that an object file declares, is laid out as layout.gen.ts says. */
import type { MapInfo } from '../../native/bridge.d.ts'
import { bridge } from './bridge.ts'
import { type Btf, parseBtf } from './btf.ts'
import type { Codec, MapLayout } from './codec.ts'
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
  const info = checkValue(bridge.mapInfo(fd), 'ask about map', path, 'Is it a map at all?')
  const difference = differentNumbers(info, layout) ?? differentFields(info, layout)
  if (difference === undefined) return
  throw new MismatchError(
    `map ${layout.name} pinned at ${path} is not of this version: ${difference}`,
    `Run the version of the agent that made it, or remove it to begin with an empty map (rm ${path})`,
  )
}

function differentNumbers(info: MapInfo, layout: MapShape): string | undefined {
  if (info.type !== layout.type) return `its type is ${info.type} in place of ${layout.type} (${layout.kind})`
  if (info.flags !== layout.flags)
    return `its flags are 0x${info.flags.toString(16)} in place of 0x${layout.flags.toString(16)}`
  return undefined
}

function differentFields(info: MapInfo, layout: MapShape): string | undefined {
  const btf = info.btfId === 0 ? -1 : bridge.btfById(info.btfId)
  const declared = typeof btf === 'number' ? undefined : declarationOf(parseBtf(btf), layout.name)
  if (declared !== undefined) {
    const difference = differentDeclaration(declared.btf, declared.map, layout)
    if (difference !== undefined) return difference
  }
  if (info.keySize !== layout.key.size) return `its keys have ${info.keySize} bytes in place of ${layout.key.size}`
  if (info.valueSize !== layout.value.size)
    return `its values have ${info.valueSize} bytes in place of ${layout.value.size}`
  return declared === undefined && layout.key.size > 0 ? 'it has no BTF, so nobody knows its fields' : undefined
}

function declarationOf(btf: Btf, name: string): { readonly btf: Btf; readonly map: MapDeclaration } | undefined {
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
