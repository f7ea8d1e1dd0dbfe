// SPDX-License-Identifier: Apache-2.0
/**
 * Kubernetes Events (events.k8s.io/v1) at Services, where `kubectl describe service` shows them: what a person must mend. Best effort: each
 * thing is told once in a while, few in all, and an API server that fails changes nothing.
 */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { ServiceKey } from '../objects.ts'

export interface ServiceEvent {
  readonly service: ServiceKey
  readonly reason: 'FrontendConflict' | 'FieldIgnored' | 'NotServed' | 'SourcePortsExhausted'
  readonly note: string
}

export interface EventRecorder {
  report(event: ServiceEvent): void
}

/** To the API server. Rejects when it would not. */
export type SendObject = (method: 'POST' | 'PATCH', path: string, body: object) => Promise<void>

export interface EventOptions {
  readonly node: string
  /** undefined: there is no API server, nothing is sent. */
  readonly send: SendObject | undefined
  /** Of the Service as it is now; without it `kubectl describe` does not find the Event. */
  readonly uidOf: (service: ServiceKey) => string | undefined
  readonly log: Logger
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** What comes again within so long is counted in one Event, as client-go does. Milliseconds. */
const SERIES_MS = 360_000
/** So often its count is written. */
const SERIES_WRITE_MS = 60_000
const BURST = 20
const REFILL_MS = 10_000
const MAX_KNOWN = 1_000
/** Of the API. */
const MAX_NOTE = 1_024

interface Known {
  readonly path: string
  count: number
  seen: number
  written: number
}

export function createEventRecorder(options: EventOptions): EventRecorder {
  const { send, log, now = Date.now } = options
  const known = new Map<string, Known>()
  const take = createBucket(now)
  let last: Promise<void> = Promise.resolve()

  function sendLater(key: string, method: 'POST' | 'PATCH', path: string, body: object): void {
    last = last
      .then(() => send?.(method, path, body))
      .catch(error => {
        // So that it is told when it happens again.
        known.delete(key)
        log.debug({ error: error.message }, 'an Event was not taken by the API server')
      })
  }

  function tell(key: string, event: ServiceEvent): void {
    const time = now()
    const body = eventBody(event, options, time)
    const { namespace, name } = body.metadata
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
    known.delete(key)
    known.set(key, { path: `${path}/${name}`, count: 1, seen: time, written: time })
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
    sendLater(key, 'POST', path, body)
  }

  function repeat(key: string, again: Known): void {
    again.count++
    again.seen = now()
    if (again.seen - again.written < SERIES_WRITE_MS || !take()) return
    again.written = again.seen
    sendLater(key, 'PATCH', again.path, { series: { count: again.count, lastObservedTime: microTime(again.seen) } })
  }

  return {
    report(event) {
      if (send === undefined) return
      const key = `${event.service} ${event.reason} ${event.note}`
      const again = known.get(key)
      if (again && now() - again.seen < SERIES_MS) repeat(key, again)
      else if (take()) tell(key, event)
    },
  }
}

/** A few at once, then one now and then. */
function createBucket(now: () => number): () => boolean {
  let tokens = BURST
  let filled = now()
  return () => {
    const added = Math.floor((now() - filled) / REFILL_MS)
    tokens = Math.min(BURST, tokens + added)
    filled += added * REFILL_MS
    if (tokens === 0) return false
    tokens--
    return true
  }
}

function eventBody({ service, reason, note }: ServiceEvent, { node, uidOf }: EventOptions, time: number) {
  const [namespace = '', name = ''] = service.split('/')
  const uid = uidOf(service)
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name: `${name}.${randomBytes(8).toString('hex')}` },
    eventTime: microTime(time),
    type: 'Warning',
    reason,
    action: 'Serve',
    note: note.length > MAX_NOTE ? `${note.slice(0, MAX_NOTE - 3)}...` : note,
    regarding: { apiVersion: 'v1', kind: 'Service', namespace, name, ...(uid && { uid }) },
    reportingController: 'evenkeel.io/agent',
    reportingInstance: node.slice(0, 128),
  }
}

/** metav1.MicroTime, which insists on six digits. */
function microTime(time: number): string {
  return new Date(time).toISOString().replace('Z', '000Z')
}
