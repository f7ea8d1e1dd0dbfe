// SPDX-License-Identifier: Apache-2.0
/** Keeps a collection as the API server has it: a list, then a watch from its version on, for ever. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from './api-server.ts'
import { createBackoff } from './backoff.ts'
import { type Collection, isNewer } from './collection.ts'
import { Refusal } from './failure.ts'
import { listAll } from './list.ts'
import type { Item, Resource } from './resource.ts'
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

/** The server ended a watch at once, which it may do now and then, but not each time. */
class ShortWatch extends Error {
  override readonly name = 'ShortWatch'
}

type Excuse = 'expired' | 'short'

/** One list, if it needs one, and one watch; answers how long to wait before the next, in milliseconds. */
function createSteps<T>(options: ReflectorOptions<T>): () => Promise<number> {
  const { times, signal, onHealth } = options
  const backoff = createBackoff(times.firstRetry, times.maxRetry)
  let version: string | undefined
  /** Since the last list. */
  let failingSince: number | undefined
  /** Failures that belong to life, if they come once between good watches. */
  const excused = new Set<Excuse>()

  function goesWell(): void {
    failingSince = undefined
    excused.clear()
    backoff.reset()
    onHealth(undefined)
  }

  async function step(): Promise<boolean> {
    if (failingSince !== undefined && performance.now() - failingSince > times.outage) version = undefined
    if (version === undefined) {
      version = await list(options)
      failingSince = undefined
    }
    return follow(options, version, goesWell, seen => {
      if (version === undefined || isNewer(seen, version)) version = seen
    })
  }

  function failed(error: unknown): number {
    const { isExpired = false, status = 0, retryAfterMs = 0 } = error instanceof Refusal ? error : {}
    if (isExpired || status === 400) version = undefined
    const excuse = isExpired ? 'expired' : error instanceof ShortWatch ? 'short' : undefined
    if (excuse === undefined || excused.has(excuse)) {
      failingSince ??= performance.now()
      onHealth(error)
    } else excused.add(excuse)
    return Math.max(backoff.next(), retryAfterMs)
  }

  return async () => {
    try {
      return (await step()) ? 0 : backoff.next()
    } catch (error) {
      return signal.aborted ? 0 : failed(error)
    }
  }
}

async function list<T>({
  server,
  resource,
  collection,
  times,
  signal,
  onListed,
}: ReflectorOptions<T>): Promise<string> {
  const { items, version } = await listAll({ server, idleMs: times.answer, signal }, resource)
  collection.replace(items)
  onListed()
  return version
}

/** True: the server has ended the watch in its time. */
async function follow<T>(
  { server, resource, collection, times, signal, onEvent }: ReflectorOptions<T>,
  version: string,
  onWell: () => void,
  onVersion: (version: string) => void,
): Promise<boolean> {
  const tell = (change: (item: Item<T>) => void) => (item: Item<T>) => {
    change(item)
    onVersion(item.version)
    onEvent()
  }
  let well: NodeJS.Timeout | undefined
  let isLong = false
  const onBegin = () => {
    well = setTimeout(() => {
      isLong = true
      onWell()
    }, times.shortWatch)
  }
  const onBookmark = (version: string) => {
    collection.settle()
    onVersion(version)
  }
  const events = { onBegin, onPut: tell(collection.put), onDelete: tell(collection.delete), onBookmark }
  const byServer = await watch({ server, resource, version, times, signal, ...events }).finally(() =>
    clearTimeout(well),
  )
  if (!isLong) throw new ShortWatch(`each watch ends within ${times.shortWatch / 1_000} s`)
  return byServer
}
