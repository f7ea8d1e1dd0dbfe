// SPDX-License-Identifier: Apache-2.0
/** All objects of one kind as they are known: told by lists and by events, in any order, once or twice. */
import { isDeepStrictEqual } from 'node:util'
import type { Item } from './resource.ts'

export interface Collection<T> {
  /** A whole list: what is not in it is gone. */
  readonly replace: (items: readonly Item<T>[]) => void
  /** An older version than the known one changes nothing. */
  readonly put: (item: Item<T>) => void
  readonly delete: (item: Item<T>) => void
  /** No event of before will come any more. */
  readonly settle: () => void
  /** Objects that can't be used, and why. */
  readonly faults: () => ReadonlyMap<string, string>
  /** One of them never could. */
  readonly isIncomplete: () => boolean
}

/** Told only when what is used of an object is another; undefined: it is not there. */
export type OnChange<T> = (before: T | undefined, after: T | undefined) => void

interface Known<T> {
  readonly version: string
  readonly value: T | undefined
}

export function createCollection<T>(onChange: OnChange<T>): Collection<T> {
  const known = new Map<string, Known<T>>()
  const faults = new Map<string, string>()
  /** Versions at which objects went: a late event must not bring them back. */
  const gone = new Map<string, string>()

  /** What can't be used counts as it was when it last could. */
  function set({ key, version, value, fault }: Item<T>): void {
    const before = known.get(key)?.value
    const changed = value !== undefined && !isDeepStrictEqual(before, value)
    known.set(key, { version, value: changed ? value : before })
    if (fault === undefined) faults.delete(key)
    else faults.set(key, fault)
    if (changed) onChange(before, value)
  }

  function remove(key: string): void {
    const before = known.get(key)?.value
    known.delete(key)
    faults.delete(key)
    if (before !== undefined) onChange(before, undefined)
  }

  return {
    replace(items) {
      const present = new Set(items.map(({ key }) => key))
      for (const key of [...known.keys()]) if (!present.has(key)) remove(key)
      for (const item of items) set(item)
      gone.clear()
    },
    put(item) {
      const last = known.get(item.key)?.version ?? gone.get(item.key)
      if (last !== undefined && !isNewer(item.version, last)) return
      gone.delete(item.key)
      set(item)
    },
    delete({ key, version }) {
      const last = known.get(key)?.version
      if (last !== undefined && isNewer(last, version)) return
      remove(key)
      gone.set(key, version)
    },
    settle: () => gone.clear(),
    faults: () => faults,
    isIncomplete: () => [...faults.keys()].some(key => known.get(key)?.value === undefined),
  }
}

const DECIMAL = /^(0|[1-9]\d*)$/

/** Versions of one kind are decimal numbers that grow (KEP-5504). Others have no order: each that differs counts as newer. */
export function isNewer(version: string, than: string): boolean {
  if (!DECIMAL.test(version) || !DECIMAL.test(than)) return version !== than
  return version.length === than.length ? version > than : version.length > than.length
}
