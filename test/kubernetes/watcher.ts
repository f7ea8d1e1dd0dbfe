// SPDX-License-Identifier: Apache-2.0
/** One watch as the server sees it. */
import type { ServerResponse } from 'node:http'
import type { Selects, Store } from './api-store.ts'

export interface Watcher {
  readonly kind: string
  /** Writes what has changed since the last time. */
  readonly tell: () => void
  readonly bookmark: () => void
  /** Any frame. */
  readonly frame: (type: string, object: unknown) => void
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
  readonly version: number
  readonly response: ServerResponse
  /** Bytes written at once; 0: as they come. */
  readonly split: () => number
}

export function createWatcher({ store, kind, selects, version, response, split }: WatcherOptions): Watcher {
  let told = version
  const write = (bytes: Buffer) => {
    const size = split() || bytes.length
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size))
  }
  const watcher: Watcher = {
    kind,
    stalled: false,
    tell() {
      if (watcher.stalled || response.writableEnded) return
      const events = store.since(kind, selects, told)
      told = store.version
      for (const { type, object } of events) watcher.frame(type, object)
    },
    bookmark: () => watcher.frame('BOOKMARK', { kind, metadata: { resourceVersion: String(store.version) } }),
    frame: (type, object) => watcher.bytes(`${JSON.stringify({ type, object })}\n`),
    bytes: bytes => write(Buffer.from(bytes)),
    end: () => response.end(),
    break: () => response.destroy(),
  }
  return watcher
}
