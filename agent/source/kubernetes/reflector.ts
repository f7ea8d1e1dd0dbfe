// SPDX-License-Identifier: Apache-2.0
/** Keeps a collection as the API server has it: a list, then a watch from its version on, for ever. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from './api-server.ts'
import { createBackoff } from './backoff.ts'
import type { Collection } from './collection.ts'
import { Refusal } from './failure.ts'
import { listAll } from './list.ts'
import type { Resource } from './resource.ts'
import type { Times } from './times.ts'
import { watch } from './watch.ts'

export interface ReflectorOptions<T> {
  readonly server: ApiServer
  readonly resource: Resource<T>
  readonly collection: Collection<T>
  readonly times: Times
  readonly signal: AbortSignal
  /** A whole list is in the collection. */
  readonly onListed: () => void
  /** An event came into the collection. */
  readonly onEvent: () => void
  /** Called at each try: why it failed; undefined when the server watches. */
  readonly onHealth: (failure: unknown) => void
}

/** Resolves after `signal`. */
export async function reflect<T>(options: ReflectorOptions<T>): Promise<void> {
  const { signal } = options
  const next = createSteps(options)
  while (!signal.aborted) {
    const wait = await next()
    // Also a wait of 0 lets everything else have its turn.
    await sleep(wait, undefined, { signal }).catch(() => undefined)
  }
}

/** One list, if it needs one, and one watch; answers how long to wait before the next, in milliseconds. */
function createSteps<T>(options: ReflectorOptions<T>): () => Promise<number> {
  const { times, signal, onHealth } = options
  const backoff = createBackoff(times.firstRetry, times.maxRetry)
  let version: string | undefined
  let failingSince: number | undefined
  let expiredBefore = false

  function begun(): void {
    failingSince = undefined
    onHealth(undefined)
  }

  async function step(): Promise<boolean> {
    if (failingSince !== undefined && performance.now() - failingSince > times.outage) version = undefined
    version ??= await list(options)
    const from = performance.now()
    const well = await follow(options, version, begun, seen => {
      version = seen
    })
    const long = performance.now() - from >= times.shortWatch
    if (long) {
      backoff.reset()
      expiredBefore = false
    }
    return well && long
  }

  function failed(error: unknown): number {
    const refusal = error instanceof Refusal ? error : undefined
    if (refusal?.isExpired || refusal?.status === 400) version = undefined
    const isRoutine = refusal?.isExpired && !expiredBefore
    expiredBefore ||= refusal?.isExpired ?? false
    if (isRoutine) return backoff.next()
    failingSince ??= performance.now()
    onHealth(error)
    return Math.max(backoff.next(), refusal?.retryAfterMs ?? 0)
  }

  return async () => {
    try {
      return (await step()) ? 0 : backoff.next()
    } catch (error) {
      return signal.aborted ? 0 : failed(error)
    }
  }
}

async function list<T>({ server, resource, collection, times, signal, onListed }: ReflectorOptions<T>): Promise<string> {
  const { items, version } = await listAll({ server, idleMs: times.answer, signal }, resource)
  collection.replace(items)
  onListed()
  return version
}

function follow<T>(
  { server, resource, collection, times, signal, onEvent }: ReflectorOptions<T>,
  version: string,
  onBegin: () => void,
  onVersion: (version: string) => void,
): Promise<boolean> {
  return watch({
    ...{ server, resource, version, times, signal, onBegin },
    onPut(item) {
      collection.put(item)
      onVersion(item.version)
      onEvent()
    },
    onDelete(item) {
      collection.delete(item)
      onVersion(item.version)
      onEvent()
    },
    onBookmark(version) {
      collection.settle()
      onVersion(version)
    },
  })
}
