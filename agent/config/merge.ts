// SPDX-License-Identifier: Apache-2.0
/** Layers of fields put over each other. */
import { isMapping } from './paths.ts'

/** The later ones count. Mappings are merged, lists replaced; undefined is nothing. */
export function merge(...layers: readonly object[]): object {
  const merged: Record<string, unknown> = {}
  for (const layer of layers)
    for (const [name, value] of Object.entries(layer)) {
      const below = merged[name]
      if (value !== undefined) merged[name] = isMapping(below) && isMapping(value) ? merge(below, value) : value
    }
  return merged
}

/** Without what is null, which stands for "not given" in Kubernetes. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isMapping(value)) return value
  const given = Object.entries(value).filter(([, inner]) => inner !== null)
  return Object.fromEntries(given.map(([name, inner]) => [name, withoutNulls(inner)]))
}
