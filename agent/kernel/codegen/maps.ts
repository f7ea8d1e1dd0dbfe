// SPDX-License-Identifier: Apache-2.0
/** The maps of the .maps section as TypeScript. */
import { type Btf, resolve, type TypeId } from '../btf.ts'
import type { MapDeclaration } from '../declarations.ts'
import { scalarName } from '../shape.ts'
import { camelCase, GenerateError, PREFIX } from './source.ts'

/** BPF_MAP_TYPE_* of <linux/bpf.h> that the project may use. */
const KINDS: Readonly<Record<number, string>> = {
  1: 'hash',
  2: 'array',
  5: 'percpu_hash',
  6: 'percpu_array',
  9: 'lru_hash',
  10: 'lru_percpu_hash',
  11: 'lpm_trie',
  12: 'array_of_maps',
  13: 'hash_of_maps',
  15: 'sockmap',
  18: 'sockhash',
  24: 'sk_storage',
  27: 'ringbuf',
  32: 'cgrp_storage',
}
const CODECS = ['u8', 'u16', 'u32', 'u64']

/** The property of MAPS for one map. */
export function mapCode(btf: Btf, map: MapDeclaration): string {
  const kind = KINDS[map.type]
  if (kind === undefined)
    throw new GenerateError(`map ${map.name} has type ${map.type}: add its name to agent/kernel/codegen/maps.ts`)
  return [
    `  ${camelCase(map.name)}: layout({`,
    `    name: '${map.name}',`,
    `    type: ${map.type},`,
    `    kind: '${kind}',`,
    `    perCpu: ${kind.includes('percpu')},`,
    `    key: ${codecName(btf, map.name, map.key)},`,
    `    value: ${codecName(btf, map.name, map.value)},`,
    `    maxEntries: ${map.maxEntries},`,
    `    flags: ${map.flags},`,
    '  }),',
  ].join('\n')
}

function codecName(btf: Btf, map: string, id: TypeId | undefined): string {
  if (id === undefined) return 'noCodec'
  const scalar = scalarName(btf, id)
  if (scalar !== undefined && CODECS.includes(scalar)) return `${scalar}Codec`
  const type = resolve(btf, id)
  if (type.kind === 'struct' && type.name.startsWith(PREFIX)) return `${camelCase(type.name)}Codec`
  throw new GenerateError(
    `map ${map}: no codec for ${scalar ?? type.kind} "${type.name}": use struct ${PREFIX}* or u8 to u64`,
  )
}
