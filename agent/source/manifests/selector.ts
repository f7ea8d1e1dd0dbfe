// SPDX-License-Identifier: Apache-2.0
/** Label selectors by equality, and an index that finds what matches without looking at everything. */

export type Labels = Readonly<Record<string, string>>

export function matches(selector: Labels, labels: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false
  return true
}

/** Objects by (namespace, label, value). */
export interface LabelIndex<T> {
  readonly add: (namespace: string, labels: Labels, item: T) => void
  readonly remove: (namespace: string, labels: Labels, item: T) => void
  /** Those that have the pair of this selector that the fewest have: candidates, still to be matched. */
  readonly withAny: (namespace: string, selector: Labels) => Iterable<T>
  /** Those under any of these labels. */
  readonly withEach: (namespace: string, labels: Labels) => Iterable<T>
}

export function labelIndex<T>(): LabelIndex<T> {
  const buckets = new Map<string, Set<T>>()
  const bucketsOf = (namespace: string, labels: Labels) =>
    Object.entries(labels).map(([key, value]) => `${namespace}\0${key}\0${value}`)
  return {
    add: (namespace, labels, item) => {
      for (const key of bucketsOf(namespace, labels)) {
        const bucket = buckets.get(key)
        if (bucket) bucket.add(item)
        else buckets.set(key, new Set([item]))
      }
    },
    remove: (namespace, labels, item) => {
      for (const key of bucketsOf(namespace, labels)) {
        const bucket = buckets.get(key)
        if (bucket?.delete(item) && bucket.size === 0) buckets.delete(key)
      }
    },
    withAny: (namespace, selector) => {
      const sets = bucketsOf(namespace, selector).map(key => buckets.get(key) ?? new Set<T>())
      return sets.reduce((small, set) => (set.size < small.size ? set : small), sets[0] ?? new Set<T>())
    },
    withEach: (namespace, labels) =>
      new Set(bucketsOf(namespace, labels).flatMap(key => [...(buckets.get(key) ?? [])])),
  }
}
