// SPDX-License-Identifier: Apache-2.0
/** Label selectors by equality, and indices that find what matches without looking at everything. */

export type Labels = Readonly<Record<string, string>>

export function matches(selector: Labels, labels: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false
  return true
}

/** What has labels, by each of them: for the question which of them a selector selects. */
export interface LabelIndex<T> {
  readonly add: (item: T) => void
  readonly remove: (item: T) => void
  readonly selectedBy: (namespace: string, selector: Labels) => readonly T[]
}

/** What has a selector, by the rarest of its labels: for the question which of them select something. */
export interface SelectorIndex<T> {
  readonly add: (item: T, namespace: string, selector: Labels) => void
  readonly remove: (item: T) => void
  readonly selecting: (namespace: string, labels: Labels) => readonly T[]
}

export function labelIndex<T extends { readonly namespace: string; readonly labels: Labels }>(): LabelIndex<T> {
  const buckets = createBuckets<T>()
  return {
    add: item => {
      for (const pair of pairsOf(item.namespace, item.labels)) buckets.add(pair, item)
    },
    remove: item => {
      for (const pair of pairsOf(item.namespace, item.labels)) buckets.remove(pair, item)
    },
    selectedBy: (namespace, selector) => {
      const pair = buckets.rarest(pairsOf(namespace, selector))
      return pair === undefined ? [] : [...buckets.get(pair)].filter(({ labels }) => matches(selector, labels))
    },
  }
}

/** A pair that all selectors share ("part-of: shop") does not make all of them candidates: most are under another pair. */
export function selectorIndex<T>(): SelectorIndex<T> {
  const buckets = createBuckets<T>()
  const places = new Map<T, { readonly pair: string; readonly selector: Labels }>()
  return {
    add: (item, namespace, selector) => {
      const pair = buckets.rarest(pairsOf(namespace, selector))
      if (pair === undefined) return
      buckets.add(pair, item)
      places.set(item, { pair, selector })
    },
    remove: item => {
      const place = places.get(item)
      if (place) buckets.remove(place.pair, item)
      places.delete(item)
    },
    selecting: (namespace, labels) =>
      pairsOf(namespace, labels)
        .flatMap(pair => [...buckets.get(pair)])
        .filter(item => matches(places.get(item)?.selector ?? {}, labels)),
  }
}

/** One key for each label, unlike those of other namespaces. */
function pairsOf(namespace: string, labels: Labels): readonly string[] {
  return Object.entries(labels).map(([key, value]) => `${namespace}\0${key}\0${value}`)
}

function createBuckets<T>() {
  const buckets = new Map<string, Set<T>>()
  const none: ReadonlySet<T> = new Set()
  const get = (pair: string): ReadonlySet<T> => buckets.get(pair) ?? none
  return {
    get,
    add(pair: string, item: T): void {
      const bucket = buckets.get(pair)
      if (bucket) bucket.add(item)
      else buckets.set(pair, new Set([item]))
    },
    remove(pair: string, item: T): void {
      const bucket = buckets.get(pair)
      if (bucket?.delete(item) && bucket.size === 0) buckets.delete(pair)
    },
    rarest: (pairs: readonly string[]): string | undefined =>
      pairs.reduce<string | undefined>((a, b) => (a === undefined || get(b).size < get(a).size ? b : a), undefined),
  }
}
