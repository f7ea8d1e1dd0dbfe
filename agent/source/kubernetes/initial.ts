// SPDX-License-Identifier: Apache-2.0
/** All that there is, as a watch sends it at its beginning: events until a bookmark that says that it is all. */
import type { Listed } from './list.ts'
import type { Item } from './resource.ts'
import type { WatchEvent } from './watch.ts'

export interface Initial<T> {
  /** Gives all once it is all. Things may change and go meanwhile; other bookmarks say nothing. */
  readonly take: (event: WatchEvent<T>) => Listed<T> | undefined
  readonly isWhole: () => boolean
}

export function createInitial<T>(): Initial<T> {
  const items = new Map<string, Item<T>>()
  let whole = false
  return {
    take(event) {
      if (event.type !== 'bookmark') {
        if (event.type === 'put') items.set(event.item.key, event.item)
        else items.delete(event.item.key)
        return undefined
      }
      if (!event.isEnd) return undefined
      whole = true
      const listed = { items: [...items.values()], version: event.version }
      items.clear()
      return listed
    },
    isWhole: () => whole,
  }
}
