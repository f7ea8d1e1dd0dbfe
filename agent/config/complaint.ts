// SPDX-License-Identifier: Apache-2.0
/** What is wrong with a field: its path and why, with a suggestion where the name is nearly right. */
import type { z } from 'zod'
import { editDistance } from '../edit-distance.ts'
import { issueOf, showPath } from '../source/manifests/issue.ts'
import { leafPaths } from './paths.ts'

export interface Complaint {
  /** "timeouts.established", "nodePortAddresses[1]" */
  readonly path: string
  readonly message: string
}

/** One for each field that is wrong; none when the object is what the schema says. */
export function complaints(schema: z.ZodType, object: object): Complaint[] {
  const { error } = schema.safeParse(object, { reportInput: true })
  return (error?.issues ?? []).flatMap(issue => {
    const { path, message } = issueOf(issue)
    if (issue.code !== 'unrecognized_keys') return { path: showPath(path), message }
    return issue.keys.map(key => ({
      path: showPath([...path, key]),
      message: `there is no such field${hint(schema, path, key)}`,
    }))
  })
}

function hint(schema: z.ZodType, path: readonly (string | number)[], key: string): string {
  const found = suggestion(leafPaths(schema), path.join('.'), key)
  return found === undefined ? '' : `; did you mean ${found}?`
}

/** A field of the same name elsewhere, else one nearby whose name is about the same. */
function suggestion(leaves: readonly string[], parent: string, key: string): string | undefined {
  const elsewhere = leaves.find(path => path.split('.').at(-1) === key)
  if (elsewhere !== undefined) return elsewhere
  const prefix = parent === '' ? '' : `${parent}.`
  const siblings = leaves.filter(path => path.startsWith(prefix)).map(path => path.slice(prefix.length).split('.')[0]!)
  const [best] = [...new Set(siblings)]
    .map(name => ({ name, distance: editDistance(name.toLowerCase(), key.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 4)))
    .sort((a, b) => a.distance - b.distance)
  return best === undefined ? undefined : `${prefix}${best.name}`
}
