// SPDX-License-Identifier: Apache-2.0
/** What etcd and the watch cache do behind an API server: objects with versions, their history, and who watches it. */
import type { ApiObject } from './objects.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** A change: what was there before it, and after it. */
interface Change {
  readonly version: number
  readonly before: ApiObject | undefined
  readonly after: ApiObject | undefined
}

export interface ApiEvent {
  readonly type: EventType
  readonly object: ApiObject
}

export type Selects = (object: ApiObject) => boolean

export interface Store {
  version: number
  /** History up to here is compacted away. */
  compacted: number
  readonly put: (object: ApiObject) => ApiObject
  readonly delete: (kind: string, name: string, namespace?: string) => void
  /** Of one kind, as they were at this version, by key. */
  readonly list: (kind: string, selects: Selects, at?: number) => readonly (readonly [string, ApiObject])[]
  /** What one who selects so sees happen after a version. */
  readonly since: (kind: string, selects: Selects, version: number) => readonly ApiEvent[]
  readonly onChange: Set<() => void>
}

/** Versions begin above `version`: a server that was restored from a back-up begins lower. */
export function createStore(version = 1000): Store {
  const changes: Change[] = []
  const current = new Map<string, ApiObject>()
  const keyOf = ({ kind, metadata: { namespace = '', name } }: ApiObject) => `${kind}/${namespace}/${name}`

  function record(key: string, after: ApiObject | undefined): void {
    changes.push({ version: store.version, before: current.get(key), after })
    if (after) current.set(key, after)
    else current.delete(key)
    for (const tell of store.onChange) tell()
  }

  const store: Store = {
    version,
    compacted: 0,
    onChange: new Set(),
    put(object) {
      const versioned = stamped(object, ++store.version)
      record(keyOf(versioned), versioned)
      return versioned
    },
    delete(kind, name, namespace = kind === 'Node' ? '' : 'default') {
      const key = `${kind}/${namespace}/${name}`
      if (!current.has(key)) throw new Error(`there is no ${key}`)
      store.version++
      record(key, undefined)
    },
    list(kind, selects, at = store.version) {
      const then = new Map<string, ApiObject>()
      for (const { version, before, after } of changes) {
        if (version > at) break
        if (after) then.set(keyOf(after), after)
        else if (before) then.delete(keyOf(before))
      }
      return [...then]
        .filter(([, object]) => object.kind === kind && selects(object))
        .sort(([a], [b]) => (a < b ? -1 : 1))
    },
    since: (kind, selects, version) =>
      changes
        .filter(change => change.version > version && (change.after ?? change.before)?.kind === kind)
        .flatMap(change => eventOf(change, selects)),
  }
  return store
}

function stamped(object: ApiObject, version: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
}

/** An object that is selected no more is gone for the one who selects (k8s.io/apiserver's cacher); the version is the change's. */
function eventOf({ version, before, after }: Change, selects: Selects): readonly ApiEvent[] {
  const was = before !== undefined && selects(before)
  if (after !== undefined && selects(after)) return [{ type: was ? 'MODIFIED' : 'ADDED', object: after }]
  return was ? [{ type: 'DELETED', object: stamped(before, version) }] : []
}
