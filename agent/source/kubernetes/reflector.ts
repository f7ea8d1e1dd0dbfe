// SPDX-License-Identifier: Apache-2.0
/** Keeps a collection as the API server has it: the whole state, then a watch from its version on, for ever. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from './api-server.ts'
import { createBackoff } from './backoff.ts'
import { type Collection, isNewer } from './collection.ts'
import { Refusal, Undecodable } from './failure.ts'
import { type Listed, listAll } from './list.ts'
import type { Item, Resource } from './resource.ts'
import type { Times } from './times.ts'
import { watch } from './watch.ts'
import { createWhole } from './whole.ts'

export interface ReflectorOptions<T> {
  readonly server: ApiServer
  readonly resource: Resource<T>
  readonly collection: Collection<T>
  readonly times: Times
  readonly signal: AbortSignal
  /** The whole state is in the collection. */
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

/** The whole state, if it needs that, and one watch; answers how long to wait before the next, in milliseconds. */
function createSteps<T>(options: ReflectorOptions<T>): () => Promise<number> {
  const { times, signal, server, resource, onHealth } = options
  const backoff = createBackoff(times.firstRetry, times.maxRetry)
  const whole = createWhole()
  let version: string | undefined
  /** The whole state came once. */
  let isKnown = false
  /** Since the last list. */
  let failingSince: number | undefined
  /** Failures that belong to life, if they come once between good watches. */
  const excused = new Set<Excuse>()

  const progress: Progress = {
    onWell() {
      failingSince = undefined
      excused.clear()
      backoff.reset()
      onHealth(undefined)
    },
    onListed(listed) {
      isKnown = true
      version = listed
      failingSince = undefined
    },
    onVersion(seen) {
      if (version === undefined || isNewer(seen, version)) version = seen
    },
  }

  async function step(): Promise<boolean> {
    if (failingSince !== undefined && performance.now() - failingSince > times.outage) version = undefined
    if (version === undefined && !whole.byWatch()) {
      // Only where there is nothing to go back behind.
      const from = isKnown ? 'etcd' : 'cache'
      accept(options, progress, await listAll({ server, idleMs: times.answer, signal }, resource, from))
      whole.onListed()
    }
    return follow(options, version, progress)
  }

  function failed(error: unknown): number {
    // A watch was to bring the whole state, and did not: a list will.
    if (version === undefined && whole.byWatch() && whole.onFailure(error)) return 0
    const { isExpired = false, status = 0, retryAfterMs = 0 } = error instanceof Refusal ? error : {}
    if (isExpired || status === 400) version = undefined
    if (error instanceof Undecodable) server.refuseProtobuf(resource.path)
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

interface Progress {
  readonly onWell: () => void
  readonly onListed: (version: string) => void
  /** Everything up to this version is in the collection. */
  readonly onVersion: (version: string) => void
}

function accept<T>({ collection, onListed }: ReflectorOptions<T>, progress: Progress, listed: Listed<T>): void {
  collection.replace(listed.items)
  progress.onListed(listed.version)
  onListed()
}

/** True: the server has ended the watch in its time. `version` undefined: the whole state comes first. */
async function follow<T>(
  options: ReflectorOptions<T>,
  version: string | undefined,
  progress: Progress,
): Promise<boolean> {
  const { server, resource, collection, times, signal, onEvent } = options
  const since = performance.now()
  let isSilent = version !== undefined
  const tell = (change: (item: Item<T>) => void) => (item: Item<T>) => {
    isSilent = false
    change(item)
    progress.onVersion(item.version)
    onEvent()
  }
  let well: NodeJS.Timeout | undefined
  let isLong = false
  const onBegin = () => {
    well = setTimeout(() => {
      isLong = true
      progress.onWell()
    }, times.shortWatch)
  }
  const onBookmark = (version: string) => {
    isSilent = false
    collection.settle()
    progress.onVersion(version)
  }
  const onListed = (listed: Listed<T>) => accept(options, progress, listed)
  const events = { onListed, onBegin, onPut: tell(collection.put), onDelete: tell(collection.delete), onBookmark }
  const byServer = await watch({ server, resource, version, times, signal, ...events }).finally(() =>
    clearTimeout(well),
  )
  if (isSilent && performance.now() - since > times.idle) throw silence(version)
  if (!isLong) throw new ShortWatch(`each watch ends within ${times.shortWatch / 1_000} s`)
  return byServer
}

/**
 * A watch that brought nothing from its beginning on, not even a bookmark. That is what a server does with a version that it has not
 * reached, after its state was restored from a back-up while it was away for a moment.
 */
function silence(version: string | undefined): Refusal {
  return new Refusal(410, { message: `nothing came after version ${version}: has the server not reached it?` })
}
