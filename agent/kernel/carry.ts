// SPDX-License-Identifier: Apache-2.0
/** Elements of one layout as those of another: field by field, by name. New fields are zero, numbers of enums stay what they are. */
import type { MapInfo } from '../../native/bridge.d.ts'
import { bridge } from './bridge.ts'
import type { Field } from './codec.ts'
import { type MapShape, pinnedFields } from './compare.ts'
import { perCpuStride } from './maps.ts'

/** Bytes that stay together. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly size: number
}

export interface Carrier {
  /** Elements, one behind the other, as the new layout has them. Keys and values apart. */
  keys(old: Buffer, count: number): Buffer
  values(old: Buffer, count: number): Buffer
}

/** How to carry the elements of a pinned map over, or why not: a sentence without a full stop. */
export function carrierOf(info: MapInfo, layout: MapShape & { readonly perCpu: boolean }): Carrier | string {
  if (isArray(info.type) !== isArray(layout.type) || isPerCpu(info.type) !== layout.perCpu)
    return `its type is ${info.type}, not ${layout.type} (${layout.kind})`
  const fields = pinnedFields(info, layout.name)
  if (fields === undefined) return 'it has no BTF, so nobody knows its fields'
  const key = pieces('key', fields.key, layout.key.fields)
  const value = pieces('value', fields.value, layout.value.fields)
  if (typeof key === 'string') return key
  if (typeof value === 'string') return value
  const cpus = layout.perCpu ? bridge.possibleCpus() : 1
  const stride = (size: number) => (layout.perCpu ? perCpuStride(size) : size)
  const [oldStride, newStride] = [stride(info.valueSize), stride(layout.value.size)]
  return {
    keys: (old, count) => move(key, old, info.keySize, layout.key.size, count),
    values: (old, count) => move(value, old, oldStride, newStride, count * cpus),
  }
}

/** <linux/bpf.h>: BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH */
export function isArray(type: number): boolean {
  return type === 2 || type === 6
}

function isPerCpu(type: number): boolean {
  return [5, 6, 10].includes(type)
}

/** A key that has lost a field would make one element of two; a value may lose what is no longer asked for. */
function pieces(part: 'key' | 'value', old: readonly Field[], wanted: readonly Field[]): Piece[] | string {
  const byPath = new Map(old.map(field => [field.path, field]))
  const known = new Set(wanted.map(({ path }) => path))
  const lost = old.find(({ path }) => !known.has(path) && !isPadding(path))
  if (part === 'key' && lost !== undefined) return `its key has a field "${lost.path}" that this version has not`
  const found: Piece[] = []
  for (const field of wanted) {
    const from = byPath.get(field.path)
    if (from === undefined || isPadding(field.path)) continue
    if (!fits(from, field)) return `its ${part} has field "${field.path}" as ${from.type}, not ${field.type}`
    found.push({ from: from.offset, to: field.offset, size: from.size })
  }
  return joined(found)
}

function isPadding(path: string): boolean {
  return /(^|\.)zero$/.test(path)
}

/** The same, or wider: host order is little-endian, so a number's low bytes come first, and the rest is zero. */
function fits(from: Field, to: Field): boolean {
  if (from.type === to.type) return true
  const wider = [/^u\d+$/, /^char\[\d+\]$/].some(kind => kind.test(from.type) && kind.test(to.type))
  return wider && to.size > from.size
}

function joined(all: readonly Piece[]): Piece[] {
  const runs: Piece[] = []
  for (const piece of all) {
    const last = runs.at(-1)
    if (last && last.from + last.size === piece.from && last.to + last.size === piece.to)
      runs[runs.length - 1] = { ...last, size: last.size + piece.size }
    else runs.push(piece)
  }
  return runs
}

function move(runs: readonly Piece[], old: Buffer, oldSize: number, newSize: number, count: number): Buffer {
  const [only] = runs
  if (runs.length === 1 && only?.size === oldSize && oldSize === newSize) return old.subarray(0, count * oldSize)
  const made = Buffer.alloc(count * newSize)
  for (let i = 0; i < count; i++)
    for (const { from, to, size } of runs)
      old.copy(made, i * newSize + to, i * oldSize + from, i * oldSize + from + size)
  return made
}
