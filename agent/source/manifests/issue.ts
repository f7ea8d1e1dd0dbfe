// SPDX-License-Identifier: Apache-2.0
/** What is wrong with a field of an object, in words. */
import type { z } from 'zod'

export type Path = readonly (string | number)[]

/** What is wrong with an object: the field and a sentence. */
export interface Issue {
  readonly path: Path
  readonly message: string
}

/** A value as a person would write it, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** "spec.ports[0].port", 'metadata.labels["app.kubernetes.io/name"]'. */
export function showPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    if (!/^[\w-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

const WANTED: Readonly<Record<string, string>> = {
  string: 'a text (put it in quotes)',
  object: 'a mapping (fields, each with a name)',
  record: 'a mapping (fields, each with a name)',
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
}

export function issueOf(issue: z.core.$ZodIssue): Issue {
  const path = issue.path.map(step => (typeof step === 'symbol' ? String(step) : step))
  // Unions here are "empty, or …": the last branch says what would be right.
  const inner = issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0] : undefined
  if (inner) return { path, message: issueOf(inner).message }
  if (issue.code !== 'invalid_type') return { path, message: issue.message }
  const wanted = WANTED[issue.expected] ?? issue.expected
  const message = issue.input === undefined ? `is missing: give ${wanted}` : `${show(issue.input)} is not ${wanted}`
  return { path, message }
}
