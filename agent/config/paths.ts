// SPDX-License-Identifier: Apache-2.0
/** The fields of a schema by their dotted paths, and of an object by theirs. */
import { z } from 'zod'

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, ObjectSchema>>
}

/** All that have no fields below them: "clusterCIDR", "iptables.syncPeriod". Of lists and free mappings, only themselves. */
export function leafPaths(schema: z.ZodType): string[] {
  const leaves = ({ properties }: ObjectSchema, path: readonly string[]): string[] =>
    properties === undefined
      ? [path.join('.')]
      : Object.entries(properties).flatMap(([name, below]) => leaves(below, [...path, name]))
  return leaves(z.toJSONSchema(schema, { io: 'input' }) as ObjectSchema, [])
}

/** Of what an object holds: all that are no mapping, and not undefined. */
export function givenPaths(object: object): string[] {
  return Object.entries(object).flatMap(([name, value]) => {
    if (isMapping(value)) return givenPaths(value).map(path => `${name}.${path}`)
    return value === undefined ? [] : name
  })
}

export function valueAt(object: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isMapping(value) ? value[name] : undefined), object)
}

/** The object that has this value at this path, and nothing else. */
export function objectWith(path: string, value: unknown): object {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
