// SPDX-License-Identifier: Apache-2.0
/**
 * Fields of objects that the API server has validated already: looked at for their type alone, so that neither a field of a newer
 * Kubernetes nor a proxy's nonsense gets further. `at` is the path of the object that holds the field, with its dot.
 */
import { show } from '../manifests/issue.ts'

export type Raw = Readonly<Record<string, unknown>>

/** A field that can't be used. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}

export function isMapping(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(at: string, key: string, value: unknown, wanted: string): never {
  throw new FieldError(
    `${at}${key}: ${value === undefined ? 'is missing: it must be' : `${show(value)} is not`} ${wanted}`,
  )
}

/** Empty when it is unset. */
export function mapping(raw: Raw, key: string, at: string): Raw {
  const value = raw[key] ?? {}
  return isMapping(value) ? value : wrong(at, key, value, 'a mapping')
}

export function text(raw: Raw, key: string, at: string, preset = ''): string {
  const value = raw[key] ?? preset
  return typeof value === 'string' ? value : wrong(at, key, value, 'a text')
}

export function integer(raw: Raw, key: string, at: string, preset = 0): number {
  const value = raw[key] ?? preset
  return Number.isInteger(value) ? (value as number) : wrong(at, key, value, 'a whole number')
}

export function flag(raw: Raw, key: string, at: string, preset: boolean): boolean {
  const value = raw[key] ?? preset
  return typeof value === 'boolean' ? value : wrong(at, key, value, 'true or false')
}

/** Milliseconds since the epoch; 0 when it is unset. A text in JSON, {seconds} in protobuf. */
export function time(raw: Raw, key: string, at: string): number {
  const value = raw[key] ?? ''
  if (isMapping(value)) return Number(value.seconds ?? 0) * 1_000
  return Date.parse(text(raw, key, at)) || 0
}

/** A number or a text in JSON, {type, intVal, strVal} in protobuf; 0 when it is unset. */
export function intOrString(raw: Raw, key: string, at: string): number | string {
  const value = raw[key]
  if (typeof value === 'string') return value
  if (!isMapping(value)) return integer(raw, key, at)
  return value.type === 1 ? text(value, 'strVal', `${at}${key}.`) : integer(value, 'intVal', `${at}${key}.`)
}

/** The API's text fields of this kind may be empty, which is unset. */
export function oneOf<T extends string>(raw: Raw, key: string, at: string, values: readonly T[], preset?: T): T {
  const value = raw[key] || preset
  // Ours, and not the equal one that was read: one text for all objects.
  return values.find(known => known === value) ?? wrong(at, key, value, `one of ${values.join(', ')}`)
}

function list(raw: Raw, key: string, at: string): readonly unknown[] {
  const value = raw[key] ?? []
  return Array.isArray(value) ? value : wrong(at, key, value, 'a list')
}

/** Most lists of most objects are empty: one for all. */
const NONE: readonly never[] = Object.freeze([])

export function texts(raw: Raw, key: string, at: string): readonly string[] {
  const all = list(raw, key, at)
  for (const value of all) if (typeof value !== 'string') wrong(at, key, value, 'a text')
  // A list that grew while it was read has room for sixteen more.
  return all.length === 0 ? NONE : (all.slice() as readonly string[])
}

/** Each item of a list of mappings, converted. */
export function items<T>(raw: Raw, key: string, at: string, convert: (item: Raw, at: string) => T): readonly T[] {
  const all = list(raw, key, at)
  if (all.length === 0) return NONE
  return all.map((item, i) => {
    const path = `${at}${key}[${i}]`
    return isMapping(item) ? convert(item, `${path}.`) : wrong('', path, item, 'a mapping')
  })
}

const MAX_SHARED = 65_536

/** Gives, of all values that have the same text, the first. */
function createCopies<T>(): (text: string, value: T) => T {
  const copies = new Map<string, T>()
  return (text, value) => {
    const known = copies.get(text)
    if (known !== undefined) return known
    if (copies.size >= MAX_SHARED) copies.clear()
    copies.set(text, value)
    return value
  }
}

const oneText = createCopies<string>()
const oneValue = createCopies<unknown>()

/** One copy of texts that stand in thousands of objects: names of namespaces and ports. */
export function shared(text: string): string {
  return oneText(text, text)
}

/** The same for small values of JSON: the ports of most slices are alike. */
export function alike<T>(value: T): T {
  return oneValue(JSON.stringify(value), value) as T
}
