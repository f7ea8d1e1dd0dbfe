// SPDX-License-Identifier: Apache-2.0
/** `evenkeel events`: what was turned away, and (sampled) which flows opened, as it happens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { RingBuffer } from '../../native/bridge.d.ts'
import { bridge } from '../kernel/bridge.ts'
import { checkValue } from '../kernel/errno.ts'
import { decodeEvent, type Event, EventType, eventTypeName, MAPS, reasonName } from '../kernel/layout.gen.ts'
import { openPinnedMap, otherVersions, pinFolder } from '../kernel/pins.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { type Format, outputOption, printJson, UserError } from './output.ts'
import { endpointText, protocolText, wholeNumber } from './text.ts'

/** Programs don't wake readers: a flood must not become a flood of wake-ups. Milliseconds. */
const POLL = 100
const BATCH = 1_024

interface EventsOptions {
  readonly bpffs: string
  readonly output: Format
  readonly backlog: boolean
  readonly count?: number
  readonly seconds?: number
}

export interface ReportedEvent {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly event: string
  /** Address and port, or "socket COOKIE" on the socket path. */
  readonly client: string
  /** Empty for a flow. */
  readonly reason: string
  readonly service: string
  readonly protocol: string
  readonly dialled: string
  readonly backend?: string
}

export function eventsCommand(): Command {
  return new Command('events')
    .description(
      'Follows what is turned away and why, and new flows (eventSample in the configuration), as it happens.',
    )
    .option('--count <n>', 'end after so many', wholeNumber)
    .option('--seconds <n>', 'end after this time', wholeNumber)
    .option('--backlog', 'begin with what was there before; while nobody reads, later events are lost', false)
    .addOption(bpffsOption())
    .addOption(outputOption())
    .action(follow)
}

async function follow({ bpffs, output, backlog, count, seconds }: EventsOptions): Promise<void> {
  const ring = openRing(bpffs)
  const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1_000
  let left = count ?? Number.POSITIVE_INFINITY
  if (!backlog) drain(ring)
  try {
    while (left > 0) {
      for (const record of bridge.ringConsume(ring, Math.min(BATCH, left))) {
        print(reported(bpffs, decodeEvent(record)), output)
        left--
      }
      if (performance.now() >= until) return
      if (left > 0) await sleep(POLL)
    }
  } finally {
    bridge.ringClose(ring)
  }
}

function openRing(bpffs: string): RingBuffer {
  const folder = pinFolder(bpffs)
  const fd = openPinnedMap(folder, MAPS.events)
  if (fd === undefined) {
    const hint = otherVersions(bpffs) || 'Does the agent run on this node?'
    throw new UserError(`There is no map ${MAPS.events.name} in ${folder.path}. ${hint}`)
  }
  const ring = checkValue(bridge.ringOpen(fd), 'read map', MAPS.events.name)
  bridge.close(fd)
  return ring
}

function drain(ring: RingBuffer): void {
  while (bridge.ringConsume(ring, BATCH).length === BATCH);
}

const names = new Map<number, string>()

function serviceName(bpffs: string, id: number): string {
  if (id === 0) return ''
  if (!names.has(id)) withDataplane(bpffs, ({ services }) => names.set(id, services.lookup(id)?.name ?? `#${id}`))
  return names.get(id) ?? ''
}

function reported(bpffs: string, event: Event): ReportedEvent {
  const { tuple } = event
  const age = Number(process.hrtime.bigint() - event.time) / 1e6
  return {
    time: Math.round(Date.now() - age),
    event: eventTypeName(event.type).toLowerCase(),
    reason: event.type === EventType.FLOW ? '' : reasonName(event.reason),
    service: serviceName(bpffs, event.service),
    protocol: protocolText(tuple.proto),
    client: clientText(event),
    dialled: endpointText(tuple.daddr, tuple.dport),
    ...(event.type === EventType.FLOW ? { backend: endpointText(event.backendAddr, event.backendPort) } : {}),
  }
}

/** The socket path sees no source yet: its events carry the socket's cookie, as ek_dial_tuple() in bpf/dial.h writes it. */
function clientText({ tuple: { saddr, sport } }: Event): string {
  const cookie = Buffer.from(saddr)
  if (sport !== 0 || cookie.readBigUInt64LE(8) !== 0n) return endpointText(saddr, sport)
  return `socket ${(BigInt(cookie.readUInt32LE(0)) << 32n) | BigInt(cookie.readUInt32LE(4))}`
}

function print(event: ReportedEvent, output: Format): void {
  if (output === 'json') {
    printJson(event)
    return
  }
  const time = new Date(event.time).toISOString().slice(11, 23)
  const what = event.backend === undefined ? event.reason : `to ${event.backend}`
  const line = [time, event.event, event.protocol, event.client, '>', event.dialled, what, event.service]
  process.stdout.write(`${line.join(' ').trimEnd()}\n`)
}
