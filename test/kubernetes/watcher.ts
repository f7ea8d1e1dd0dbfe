// SPDX-License-Identifier: Apache-2.0
/** One watch as the server sees it. */
import type { ServerResponse } from 'node:http'
import type { Selects, Store } from './api-store.ts'
import { type EncodingName, encodeEvent } from './encode.ts'

export interface Watcher {
  readonly kind: string
  /** Writes what has changed since the last time. */
  readonly tell: () => void
  readonly encoding: EncodingName
  /** `isEnd`: all that there is has come. */
  readonly bookmark: (isEnd?: boolean) => void
  /** Any frame. */
  readonly frame: (type: string, object: object) => void
  readonly bytes: (bytes: Buffer | string) => void
  /** As when timeoutSeconds are over. */
  readonly end: () => void
  /** As when the server dies. */
  readonly break: () => void
  /** Nothing comes any more, and the connection stands. */
  stalled: boolean
}

export interface WatcherOptions {
  readonly store: Store
  readonly kind: string
  readonly selects: Selects
  /** Undefined: begins with all that there is. */
  readonly version: number | undefined
  readonly encoding: EncodingName
  readonly response: ServerResponse
  /** Bytes written at once; 0: as they come. */
  readonly split: () => number
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { store, kind, selects, encoding, response, split } = options
  let told = options.version
  const write = (bytes: Buffer) => {
    const size = split() || bytes.length
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size))
  }
  const watcher: Watcher = {
    ...{ kind, encoding },
    stalled: false,
    tell() {
      if (watcher.stalled || response.writableEnded) return
      if (told === undefined) for (const [, object] of store.list(kind, selects)) watcher.frame('ADDED', object)
      const events = told === undefined ? [] : store.since(kind, selects, told)
      told = store.version
      for (const { type, object } of events) watcher.frame(type, object)
    },
    bookmark(isEnd = false) {
      const annotations = isEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
      watcher.frame('BOOKMARK', { kind, metadata: { resourceVersion: String(store.version), ...annotations } })
    },
    frame: (type, object) => watcher.bytes(encodeEvent(encoding, type, object)),
    bytes: bytes => write(Buffer.from(bytes)),
    end: () => response.end(),
    break: () => response.destroy(),
  }
  return watcher
}
